/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Runs each parser, and the maker of units, again and again and lets the first allocation fail,
 * then the second, and so on until none fails any more. Every run must say -ENOMEM, or have done
 * its job; and the sanitizers see what a run leaves behind.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmdline.h"
#include "conf.h"
#include "manifest-override.h"
#include "manifest-v1.h"
#include "manifest.h"
#include "plan.h"
#include "units.h"

/* Allocations until one fails; 0: none does. */
static unsigned countdown;

static bool allocation_fails(void)
{
	return countdown > 0 && --countdown == 0;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_reallocarray(void *p, size_t n, size_t size);
char *__real_strdup(const char *s);
char *__real_strndup(const char *s, size_t n);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_reallocarray(void *p, size_t n, size_t size);
char *__wrap_strdup(const char *s);
char *__wrap_strndup(const char *s, size_t n);
int __wrap_vasprintf(char **ret, const char *format, va_list ap) _printf_(2, 0);
int __wrap_asprintf(char **ret, const char *format, ...) _printf_(2, 3);
int __wrap___vasprintf_chk(char **ret, int flag, const char *format, va_list ap) _printf_(3, 0);
int __wrap___asprintf_chk(char **ret, int flag, const char *format, ...) _printf_(3, 4);
int __real_vasprintf(char **ret, const char *format, va_list ap) _printf_(2, 0);

void *__wrap_malloc(size_t size)
{
	return allocation_fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return allocation_fails() ? NULL : __real_realloc(p, size);
}

void *__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return allocation_fails() ? NULL : __real_reallocarray(p, n, size);
}

char *__wrap_strdup(const char *s)
{
	return allocation_fails() ? NULL : __real_strdup(s);
}

char *__wrap_strndup(const char *s, size_t n)
{
	return allocation_fails() ? NULL : __real_strndup(s, n);
}

int __wrap_vasprintf(char **ret, const char *format, va_list ap)
{
	/* The pointer is undefined after a failure, so make it a bad one. */
	if (allocation_fails()) {
		*ret = (char *)1;
		return -1;
	}
	return __real_vasprintf(ret, format, ap);
}

int __wrap_asprintf(char **ret, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = __wrap_vasprintf(ret, format, ap);
	va_end(ap);
	return n;
}

/* What _FORTIFY_SOURCE makes of the two. */
int __wrap___vasprintf_chk(char **ret, int flag, const char *format, va_list ap)
{
	return __wrap_vasprintf(ret, format, ap);
}

int __wrap___asprintf_chk(char **ret, int flag, const char *format, ...)
{
	va_list ap;
	int n;

	va_start(ap, format);
	n = __wrap_vasprintf(ret, format, ap);
	va_end(ap);
	return n;
}

/* Runs the job with the n-th allocation failing, for all n. expected: what it returns at last. */
static void fail_each(int (*job)(void), int expected)
{
	for (unsigned n = 1; n < 100000; n++) {
		int r;

		countdown = n;
		r = job();
		if (countdown > 0) {
			countdown = 0;
			assert_int_equal(r, expected);
			assert_true(n > 1);
			print_message("# %u allocations\n", n - 1);
			return;
		}
		/* Only the words of an error may get lost. */
		if (r != -ENOMEM && r != expected)
			fail_msg("with allocation %u failing the result is %d", n, r);
	}
	fail_msg("there is no end");
}

static const char conf_text[] =
	"a integrity /dev/a,meta=UUID=m credential:k integrity-algorithm=hmac-sha256\n"
	"b crypt a /key cipher=aes-xts-plain64,discard\n"
	"c verity b,hash=/dev/h - root-hash=cb5d6d982fc27f1d59073bde0bc86b0b1027d47dbfc264f111e8c1"
	"0f4ac58c93,uuid=01234567-89ab-cdef-0123-456789abcdef\n"
	"d linear /dev/mapper/c - timeout=3s\n"
	"s seal PARTLABEL=s - public-key=/k,literal-pcrs=0+7,pin,sealed\n";

static int parse_and_plan(const char *text, int expected_bad)
{
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf out = {};
	const struct conf_sink sink = { .stack = &stack };
	struct plan plan = {};
	int bad, r;

	bad = conf_parse(text, strlen(text), "f", &sink);
	if (bad < 0)
		return bad;
	r = stack_link(&stack);
	if (r < 0)
		return r;
	/* A layer that is broken for want of memory is no reason to go on. */
	if (r > 0 || !stack_find(&stack, "d"))
		return bad == expected_bad ? -ENOMEM : bad;
	r = plan_attach(&stack, stack_find(&stack, "d"), &plan, NULL);
	if (r < 0)
		return r;
	plan_print(&plan, &out);
	plan_done(&plan);
	r = buf_error(&out);
	return r < 0 ? r : bad;
}

static int job_conf(void)
{
	return parse_and_plan(conf_text, 0);
}

/* The number of bad lines does not depend on whether there is memory to describe them. */
static int job_bad_conf(void)
{
	return parse_and_plan("x\ny foo z\nz linear /dev/a - offset=x\nd linear /dev/d\n", 3);
}

static void ignore_stack(const char *name, unsigned phase, const struct diag *error, void *userdata)
{
}

static int compile_units(struct stack *stack, struct unit_tree *tree)
{
	const struct conf_sink sink = { .stack = stack };
	const struct units_input in = { .stack = stack, .on_stack = ignore_stack };
	const char *text = "low linear /dev/a - timeout=3s\ntop crypt low credential:k sealed\n"
			   "img linear /images/a - nofail\n";
	struct mount_hint *mount;
	int r;

	r = conf_parse(text, strlen(text), "f", &sink);
	if (r < 0)
		return r;
	mount = calloc(1, sizeof(*mount));
	if (!mount)
		return -ENOMEM;
	stack_find(stack, "top")->mount = mount;
	mount->where = strdup("/srv");
	if (!mount->where)
		return -ENOMEM;
	/* A stack that failed for want of memory is as good as an error here. */
	if (stack_link(stack) != 0 || units_compile(&in, tree) != 0)
		return -ENOMEM;
	return 0;
}

/* Units are whole, or there is an error: nothing may be missing in what is written. */
static int job_units(void)
{
	static struct buf whole; /* what the units are when no allocation fails */
	_cleanup_(unit_tree_done) struct unit_tree tree = {};
	_cleanup_(stack_done) struct stack stack = {};
	int r = compile_units(&stack, &tree);

	if (r < 0)
		return r;
	if (whole.size == 0) {
		buf_append(&whole, tree.text.data, tree.text.size);
		if (buf_error(&whole) < 0)
			return -ENOMEM;
	}
	assert_int_equal(tree.text.size, whole.size);
	assert_memory_equal(tree.text.data, whole.data, whole.size);
	return 0;
}

static const char manifest_text[] =
	"{\"dmstack\": 1, \"name\": \"b\", \"phase\": \"sealed\", \"layers\": [{\"name\": \"a\", "
	"\"type\": \"integrity\", \"devices\": {\"data\": \"/dev/a\"}, \"integrity-algorithm\": "
	"\"crc32c\", \"device-size\": 4096}, {\"name\": \"b\", \"type\": \"crypt\", \"devices\": "
	"{\"data\": \"a\"}, \"key\": \"tpm2:k\"}], \"mount\": {\"where\": \"/\", \"type\": \"ext4\", "
	"\"options\": \"ro\"}, \"artifacts\": [{\"file\": \"f\", \"device\": \"a.data\", \"bytes\": "
	"1, \"sha256\": \"cb5d6d982fc27f1d59073bde0bc86b0b1027d47dbfc264f111e8c10f4ac58c93\"}]}";

static int job_manifest(void)
{
	static const char *const options[] = { "data=UUID=x", "nofail", NULL };
	const struct conf_manifest line = { "b", "/m", "c:1", NULL, options };
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(stack_done) struct stack stack = {};
	_cleanup_(buf_done) struct buf text = {};
	int r;

	r = manifest_parse(manifest_text, strlen(manifest_text), "f", &m, NULL);
	if (r >= 0)
		r = manifest_write(m, &text);
	if (r >= 0)
		r = manifest_override(m, &line, NULL);
	if (r >= 0)
		r = manifest_add_to_stack(m, "f", &stack, NULL);
	return r;
}

static int job_bad_manifest(void)
{
	static const char text[] = "{\"dmstack\": 1, \"name\": \"b\", \"layers\": [{\"name\": 3}]}";
	_cleanup_(manifest_freep) struct manifest *m = NULL;
	_cleanup_(diag_done) struct diag diag = {};

	return manifest_parse(text, strlen(text), "f", &m, &diag);
}

static int job_old_manifest(void)
{
	static const char text[] =
		"{\"manifest_version\": 1, \"images\": {\"data\": {\"path\": \"o/data.img\", "
		"\"bytes\": 8192, \"sha256\": "
		"\"cb5d6d982fc27f1d59073bde0bc86b0b1027d47dbfc264f111e8c10f4ac58c93\"}}, "
		"\"crypt\": {\"mode\": \"plain\", \"cipher\": \"capi:cbc(aes)-plain\", "
		"\"key_bytes\": 32, \"sector_size\": 4096, \"iv_offset\": 0}, \"stack\": "
		"[{\"type\": \"raw\"}, {\"type\": \"dm-crypt\"}], \"rootfs\": {}}";
	_cleanup_(manifest_freep) struct manifest *m = NULL;

	return manifest_v1_parse(text, strlen(text), "f", "n", &m, NULL);
}

static int job_cmdline(void)
{
	_cleanup_(cmdline_done) struct cmdline c = {};
	_cleanup_(stack_done) struct stack stack = {};
	const struct conf_sink sink = { .stack = &stack };
	int r;

	r = conf_parse(conf_text, strlen(conf_text), "f", &sink);
	if (r >= 0)
		r = cmdline_parse("dmstack.stack=a dmstack.stack=b dmstack.device=a.data=UUID=1 "
				  "dmstack.device=d.data=LABEL=x dmstack.timeout=3",
			true, &c, NULL);
	if (r >= 0)
		r = cmdline_apply(&c, &stack, NULL);
	return r;
}

static void test_conf(void **state)
{
	fail_each(job_conf, 0);
	fail_each(job_bad_conf, 3);
}

static void test_manifest(void **state)
{
	fail_each(job_manifest, 0);
	fail_each(job_bad_manifest, -EINVAL);
	fail_each(job_old_manifest, 0);
}

static void test_units(void **state)
{
	fail_each(job_units, 0);
}

static void test_cmdline(void **state)
{
	fail_each(job_cmdline, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_conf),
		cmocka_unit_test(test_manifest),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_cmdline),
	};

	return cmocka_run_group_tests_name("oom", tests, NULL, NULL);
}
