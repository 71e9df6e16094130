/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The graph: edges, cycles, what breaks what, inheritance, order, and the plan made of it.
 */

#include "test.h"

#include <errno.h>
#include <string.h>

#include "plan.h"
#include "parse.h"

/* Adds "NAME TYPE OPTION...". */
static struct layer *add(struct stack *stack, const char *text)
{
	struct layer *layer = NULL;
	_cleanup_free_ char *copy = strdup(text);
	char *line = copy, *name, *type, *word;

	assert_int_equal(parse_next_word(&line, &name), 1);
	assert_int_equal(parse_next_word(&line, &type), 1);
	assert_int_equal(layer_new(name, layer_type_find(type), &layer, NULL), 0);
	while (parse_next_word(&line, &word) > 0)
		assert_int_equal(layer_set_option(layer, word, NULL), 0);
	assert_int_equal(stack_add(stack, layer, NULL), 0);
	return layer;
}

static void test_three_layers(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_free_ struct layer **order = NULL;
	size_t n = 0;

	/* Written top first: order in the file does not matter. */
	struct layer *root =
		add(&stack, "root verity data=c hash=/dev/h superblock=no data-blocks=8 "
			    "root-hash=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
			    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa x-initrd.attach sealed "
			    "fail=halt");
	struct layer *c = add(&stack, "c crypt data=/dev/mapper/i key=/k sector-size=4096");
	struct layer *i = add(&stack, "i integrity data=PARTLABEL=p integrity-algorithm=sha256 "
				      "sector-size=4096");

	assert_int_equal(stack_link(&stack), 0);
	assert_ptr_equal(c->devices[0].layer, i);
	assert_int_equal(i->n_users, 1);
	assert_int_equal(root->n_users, 0);
	assert_true(i->common.initrd);
	assert_int_equal(i->common.phase, PHASE_SEALED);
	assert_int_equal(i->common.fail, FAIL_HALT);

	assert_int_equal(stack_order(&stack, root, &order, &n), 0);
	assert_int_equal(n, 3);
	assert_ptr_equal(order[0], i);
	assert_ptr_equal(order[1], c);
	assert_ptr_equal(order[2], root);
}

static void test_cycle(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct layer *a = add(&stack, "a linear data=b");
	struct layer *b = add(&stack, "b linear data=c");
	struct layer *c = add(&stack, "c linear data=a");
	struct layer *on_it = add(&stack, "d linear data=a");
	struct layer *good = add(&stack, "e linear data=/dev/e");

	assert_int_equal(stack_link(&stack), 4);
	assert_true(a->broken && b->broken && c->broken && on_it->broken);
	assert_false(good->broken);
	assert_non_null(strstr(a->error.what, "a -> b -> c -> a"));
}

static void test_self(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct layer *a = add(&stack, "a linear data=a");

	assert_int_equal(stack_link(&stack), 1);
	assert_non_null(strstr(a->error.what, "a -> a"));
}

static void test_missing(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(plan_done) struct plan plan = {};
	_cleanup_(diag_done) struct diag diag = {};
	struct layer *a = add(&stack, "a linear data=nothing");
	struct layer *b = add(&stack, "b linear data=a");

	assert_int_equal(stack_link(&stack), 2);
	assert_non_null(strstr(a->error.what, "nothing"));
	assert_non_null(strstr(b->error.what, "\"a\""));
	assert_int_equal(plan_attach(&stack, b, &plan, &diag), -EINVAL);
	assert_non_null(strstr(diag.what, "nothing"));
}

static void test_doubled_name(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(layer_freep) struct layer *again = NULL;
	_cleanup_(diag_done) struct diag diag = {};

	add(&stack, "a linear data=/dev/a");
	assert_int_equal(layer_new("a", layer_type_find("linear"), &again, NULL), 0);
	assert_int_equal(stack_add(&stack, again, &diag), -EEXIST);
	assert_non_null(strstr(diag.what, "\"a\""));
}

static void test_block_sizes(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct layer *i = add(&stack, "i integrity data=/dev/a integrity-algorithm=sha256 "
				      "sector-size=4096");
	struct layer *crypt = add(&stack, "c crypt data=i key=/k");
	struct layer *small = add(&stack, "s integrity data=c integrity-algorithm=sha256");

	assert_int_equal(stack_link(&stack), 1);
	assert_false(i->broken);
	assert_false(crypt->broken);
	assert_true(small->broken);
	assert_non_null(strstr(small->error.what, "4096"));
}

static void test_read_only_below(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};

	add(&stack, "v linear data=/dev/a read-only");
	struct layer *c = add(&stack, "c crypt data=v key=/k");

	assert_int_equal(stack_link(&stack), 0);
	assert_true(layer_is_read_only(c));
}

static void test_two_tops(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct layer *base = add(&stack, "base linear data=/dev/a");

	add(&stack, "one crypt data=base key=/1");
	add(&stack, "two crypt data=base key=/2 offset=4096");
	assert_int_equal(stack_link(&stack), 0);
	assert_int_equal(base->n_users, 2);
}

static void test_netdev_goes_up(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	struct layer *top = add(&stack, "c linear data=b");

	add(&stack, "b linear data=a");
	add(&stack, "a linear data=/dev/nbd0 _netdev");
	assert_int_equal(stack_link(&stack), 0);
	assert_true(top->common.netdev);
}

/* A chain of thousands must neither overflow the C stack nor take quadratic time. */
static void test_deep(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_free_ struct layer **order = NULL;
	char text[80];
	size_t n = 0;

	for (unsigned i = 0; i < 9999; i++) {
		(void)snprintf(text, sizeof(text), "l%u linear data=l%u", i, i + 1);
		add(&stack, text);
	}
	add(&stack, "l9999 linear data=/dev/a");
	assert_int_equal(stack_link(&stack), 0);
	assert_int_equal(stack_order(&stack, stack_find(&stack, "l0"), &order, &n), 0);
	assert_int_equal(n, 10000);
	assert_string_equal(order[0]->name, "l9999");
}

static void test_authenticated(void **state)
{
	static const struct {
		const char *store, *crypt;
		const char *word; /* of the message; NULL: it fits */
	} cases[] = {
		{ "tag-size=48", "integrity=hmac-sha256 cipher=aes-xts-random", NULL },
		{ "tag-size=64", "integrity=hmac-sha256 cipher=aes-xts-random", NULL },
		{ "tag-size=32", "integrity=hmac-sha256 cipher=aes-xts-random", "48 bytes" },
		{ "tag-size=32", "integrity=hmac-sha256 cipher=aes-xts-random tag-size=32", NULL },
		{ "tag-size=48 sector-size=4096", "integrity=hmac-sha256 cipher=aes-xts-random",
			"sector-size" },
		{ "tag-size=48", "", "keeps tags" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		_cleanup_(stack_done) struct stack stack = {};
		char store[200], crypt[200];

		(void)snprintf(store, sizeof(store),
			"i integrity data=/dev/a integrity-algorithm=none %s", cases[i].store);
		(void)snprintf(crypt, sizeof(crypt), "c crypt data=i key=/k %s", cases[i].crypt);
		add(&stack, store);
		struct layer *layer = add(&stack, crypt);
		assert_int_equal(stack_link(&stack), cases[i].word ? 1 : 0);
		if (cases[i].word)
			assert_non_null(strstr(layer->error.what, cases[i].word));
	}
}

/* Tags that nobody makes or checks protect nothing. */
static void test_tag_store_alone(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};

	add(&stack, "a integrity data=/dev/a integrity-algorithm=none tag-size=16");
	add(&stack, "b integrity data=/dev/b integrity-algorithm=none tag-size=16");
	add(&stack, "l linear data=b");
	add(&stack, "c crypt data=/dev/c key=/k integrity=hmac-sha256");
	assert_int_equal(stack_link(&stack), 3);
	assert_true(stack_find(&stack, "a")->broken);
	assert_false(stack_find(&stack, "b")->broken);
	assert_true(stack_find(&stack, "l")->broken);
	assert_true(stack_find(&stack, "c")->broken);
}

static void test_plan(void **state)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(plan_done) struct plan plan = {};
	_cleanup_(buf_done) struct buf text = {};

	add(&stack, "i integrity data=PARTLABEL=p integrity-algorithm=sha256 device-size=1M");
	struct layer *top = add(&stack, "c crypt data=i key=credential:k");
	assert_int_equal(stack_link(&stack), 0);
	assert_int_equal(plan_attach(&stack, top, &plan, NULL), 0);
	plan_print(&plan, &text);
	assert_string_equal(buf_str(&text),
		"  1 wait   i data=PARTLABEL=p\n"
		"  2 probe  i integrity superblock at byte 0 of data\n"
		"  3 table  i rw 0 2048 integrity <data> 0 32 J 3 internal_hash:sha256 "
		"fix_padding fix_hmac\n"
		"  4 key    c from=credential:k bytes=64 keyring=dmstack:c\n"
		"  5 table  c rw 0 <sectors> crypt aes-xts-plain64 :64:logon:dmstack:c 0 <data> 0\n"
		"  6 unkey  c keyring=dmstack:c\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_three_layers),
		cmocka_unit_test(test_cycle),
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_missing),
		cmocka_unit_test(test_doubled_name),
		cmocka_unit_test(test_block_sizes),
		cmocka_unit_test(test_read_only_below),
		cmocka_unit_test(test_two_tops),
		cmocka_unit_test(test_netdev_goes_up),
		cmocka_unit_test(test_deep),
		cmocka_unit_test(test_authenticated),
		cmocka_unit_test(test_tag_store_alone),
		cmocka_unit_test(test_plan),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
