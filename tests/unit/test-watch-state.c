/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What "watch" makes of the states of a layer, of uevents, and of texts for the journal.
 */

#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "journal.h"
#include "uevent.h"
#include "watch-state.h"

/* "KIND COUNT+ADDED " of each event between two status lines; before NULL: it was not seen yet. */
static const char *events_of(const char *target, const char *before, const char *now)
{
	static char text[256];
	struct live_status a = {}, b = {};
	struct watch_event events[WATCH_EVENTS_MAX];
	char line[64];
	size_t n, used = 0;

	if (before) {
		(void)snprintf(line, sizeof(line), "%s", before);
		live_status_parse(target, line, &a);
	}
	(void)snprintf(line, sizeof(line), "%s", now);
	live_status_parse(target, line, &b);
	n = watch_compare(&a, &b, events);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %d+%d ",
			watch_kind_word(events[i].kind), (int)events[i].count,
			(int)events[i].added);
	return text;
}

static void test_compare(void **state)
{
	assert_string_equal(events_of("integrity", NULL, "0 1000 -"), "");
	/* What was found before anybody looked is reported as well. */
	assert_string_equal(events_of("integrity", NULL, "3 1000 -"), "mismatch 3+3 ");
	assert_string_equal(events_of("integrity", "3 1000 -", "3 1000 -"), "");
	assert_string_equal(events_of("integrity", "3 1000 -", "5 1000 -"), "mismatch 5+2 ");
	/* The mapping was made anew. */
	assert_string_equal(events_of("integrity", "3 1000 -", "1 1000 -"), "mismatch 1+1 ");
	assert_string_equal(events_of("integrity", "0 1000 500", "0 1000 900"), "");
	assert_string_equal(
		events_of("integrity", "0 1000 500", "1 1000 -"), "mismatch 1+1 recalculated 0+0 ");
	assert_string_equal(events_of("verity", NULL, "V"), "");
	assert_string_equal(events_of("verity", "V", "C"), "corrupted 0+0 ");
	assert_string_equal(events_of("verity", "C", "C"), "");
	assert_string_equal(events_of("verity", "V 0", "C 7"), "corrupted 0+0 corrected 7+7 ");
	assert_string_equal(events_of("verity", "V -", "V -"), "");
	/* What is not known says nothing. */
	assert_string_equal(events_of("crypt", NULL, ""), "");
	assert_string_equal(events_of("integrity", NULL, "x y z"), "");
}

static void test_words(void **state)
{
	char text[160];

	for (unsigned kind = 0; kind < _WATCH_KIND_MAX; kind++) {
		const struct watch_event event = {
			.kind = (enum watch_kind)kind, .count = 12, .added = 5
		};

		watch_event_describe(&event, text, sizeof(text));
		assert_true(strlen(text) > 10);
		assert_int_equal(watch_kind_is_damage(event.kind), kind < WATCH_RECALCULATED);
		if (kind == WATCH_MISMATCH || kind == WATCH_CORRECTED)
			assert_non_null(strstr(text, "5 more blocks"));
	}
}

#define EVENT(rest) "change@/devices/virtual/block/dm-3\0ACTION=change\0SUBSYSTEM=" rest

#define ROW(text)                                                                                  \
	{                                                                                          \
		sizeof(text), text                                                                 \
	}

static int parse(const char *data, size_t size, struct uevent *ret)
{
	return uevent_parse(data, size, ret);
}

static void test_uevent(void **state)
{
	static const char data[] =
		EVENT("block\0MAJOR=253\0MINOR=3\0DM_VERITY_ERR_BLOCK_NR=0,1234\0SEQNUM=9");
	static const char tree[] =
		EVENT("block\0DM_VERITY_ERR_BLOCK_NR=1,18446744073709551615\0MAJOR=8\0MINOR=1");
	static const struct {
		size_t size;
		const char *data;
	} other[] = {
		ROW(EVENT("net\0MAJOR=253\0MINOR=3\0DM_VERITY_ERR_BLOCK_NR=0,1\0")),
		ROW(EVENT("block\0MAJOR=253\0MINOR=3\0DM_COOKIE=1234567890123")),
		ROW(EVENT("block\0MINOR=3\0DM_VERITY_ERR_BLOCK_NR=0,1")),
		ROW(EVENT("block\0MAJOR=-1\0MINOR=3\0DM_VERITY_ERR_BLOCK_NR=0,1")),
		ROW(EVENT("block\0MAJOR=1\0MINOR=3\0DM_VERITY_ERR_BLOCK_NR=2,1")),
		ROW(EVENT("block\0MAJOR=1\0MINOR=3\0DM_VERITY_ERR_BLOCK_NR=0")),
		ROW(EVENT("block\0MAJOR=1\0MINOR=3\0DM_VERITY_ERR_BLOCK_NR=0,-1")),
	};
	struct uevent event = {};

	assert_int_equal(parse(data, sizeof(data), &event), 1);
	assert_true(event.device == makedev(253, 3));
	assert_false(event.is_tree);
	assert_true(event.block == 1234);
	assert_int_equal(parse(tree, sizeof(tree), &event), 1);
	assert_true(event.is_tree);
	assert_true(event.block == UINT64_MAX && event.device == makedev(8, 1));
	/* Cut anywhere, it is no event or one without the last text; never a read behind the end. */
	for (size_t size = 0; size < sizeof(data) - 10; size++)
		assert_int_equal(parse(data, size, &event), 0);
	for (size_t i = 0; i < ARRAY_SIZE(other); i++)
		assert_int_equal(parse(other[i].data, other[i].size, &event), 0);
}

static void test_journal(void **state)
{
	static const char expected[] = "A=x\n"
				       "B\n\3\0\0\0\0\0\0\0a\nb\n"
				       "C=18446744073709551615\n";
	_cleanup_(buf_done) struct buf entry = {};

	journal_field(&entry, "A", "x");
	/* A line break must not make a field of its own. */
	journal_field(&entry, "B", "a\nb");
	journal_field_u64(&entry, "C", UINT64_MAX);
	assert_int_equal(entry.size, sizeof(expected) - 1);
	assert_memory_equal(entry.data, expected, entry.size);
	entry.error = -ENOMEM;
	assert_int_equal(journal_send(&entry), -ENOMEM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_compare),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_uevent),
		cmocka_unit_test(test_journal),
	};

	return cmocka_run_group_tests_name("watch-state", tests, NULL, NULL);
}
