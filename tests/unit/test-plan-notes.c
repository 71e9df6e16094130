/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What "plan" says a stack does not protect. A sentence that is missing would be a promise.
 */

#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "plan-notes.h"
#include "stack.h"

#define HASH "root-hash=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

#define READABLE  "can read the data"
#define UNNOTICED "Changed blocks are not noticed"
#define ACCIDENT  "an attacker can compute the tags anew"
#define REPLAY	  "can be put back unnoticed"
#define OPEN_SB	  "no key protects it"
#define ROOT_HASH "as trustworthy as the place where the root hash"
#define TORN	  "A power cut"
#define UNCHECKED "handed out as they are"
#define DISCARD	  "Discards show"

static const char *const sentences[] = { READABLE, UNNOTICED, ACCIDENT, REPLAY, OPEN_SB, ROOT_HASH,
	TORN, UNCHECKED, DISCARD };

/* The layers bottom first, separated by "|"; the sentences that are to be there, and no others. */
static void assert_notes(const char *layers, const char *const *expected)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_free_ char *copy = strdup(layers);
	_cleanup_(buf_done) struct buf notes = {};
	char *rest = copy, *line, *type, *word;
	unsigned n = 0;

	while ((line = strsep(&rest, "|"))) {
		_cleanup_(diag_done) struct diag diag = {};
		struct layer *layer;
		char name[8], below[16];

		(void)snprintf(name, sizeof(name), "l%u", n);
		(void)snprintf(below, sizeof(below), "l%u", n - 1);
		assert_int_equal(parse_next_word(&line, &type), 1);
		assert_int_equal(layer_new(name, layer_type_find(type), &layer, NULL), 0);
		assert_int_equal(layer_set_device(layer, "data", n ? below : "/dev/d", NULL), 0);
		while (parse_next_word(&line, &word) > 0)
			if (layer_set_option(layer, word, &diag) < 0)
				fail_msg("%s: %s", word, diag.what);
		assert_int_equal(stack_add(&stack, layer, NULL), 0);
		n++;
	}
	if (stack_link(&stack) != 0)
		for (size_t i = 0; i < stack.n_layers; i++)
			if (stack.layers[i]->broken)
				fail_msg("%s: %s", layers, stack.layers[i]->error.what);

	plan_notes_print(stack.layers, stack.n_layers, "- ", &notes);
	for (size_t i = 0; i < ARRAY_SIZE(sentences); i++) {
		bool wanted = false;

		for (size_t j = 0; expected[j]; j++)
			wanted = wanted || streq(expected[j], sentences[i]);
		if (wanted != !!strstr(buf_str(&notes), sentences[i]))
			fail_msg("%s: \"%s\" should%s be in:\n%s", layers, sentences[i],
				wanted ? "" : " not", buf_str(&notes));
	}
}

#define NOTES(...) ((const char *const[]){ __VA_ARGS__ __VA_OPT__(, ) NULL })

static void test_single_layers(void **state)
{
	assert_notes("linear", NOTES(READABLE, UNNOTICED));
	assert_notes("crypt key=/k", NOTES(UNNOTICED));
	assert_notes("crypt key=/k discard", NOTES(UNNOTICED, DISCARD));
	assert_notes("integrity integrity-algorithm=sha256", NOTES(READABLE, ACCIDENT));
	assert_notes("integrity integrity-algorithm=hmac-sha256 key=/k",
		NOTES(READABLE, REPLAY, OPEN_SB));
	assert_notes("integrity integrity-algorithm=hmac-sha256 key=/k "
		     "journal-integrity=hmac-sha256 journal-integrity-key=/j mode=direct",
		NOTES(READABLE, REPLAY, TORN));
	assert_notes("verity superblock=no data-blocks=8 hash-offset=32768 " HASH,
		NOTES(READABLE, ROOT_HASH));
	assert_notes("verity superblock=no data-blocks=8 hash-offset=32768 "
		     "on-corruption=ignore " HASH,
		NOTES(READABLE, ROOT_HASH, UNCHECKED));
}

static void test_stacks(void **state)
{
	assert_notes("integrity integrity-algorithm=crc32c|crypt key=/k", NOTES(ACCIDENT));
	assert_notes("integrity integrity-algorithm=hmac-sha256 key=/k|crypt key=/k",
		NOTES(REPLAY, OPEN_SB));
	assert_notes("crypt key=/k|verity superblock=no data-blocks=8 hash-offset=32768 " HASH,
		NOTES(ROOT_HASH));
}

/* The tags of authenticated encryption are in an integrity layer that checks nothing itself. */
static void test_authenticated_encryption(void **state)
{
	assert_notes("integrity integrity-algorithm=none tag-size=32 sector-size=4096|"
		     "crypt key=/k size=768 integrity=hmac-sha256 sector-size=4096",
		NOTES(REPLAY, OPEN_SB));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_single_layers),
		cmocka_unit_test(test_stacks),
		cmocka_unit_test(test_authenticated_encryption),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
