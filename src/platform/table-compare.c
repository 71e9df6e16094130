/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Is the mapping that is there the one that was planned? The kernel prints a table with options in
 * an order of its own, with defaults filled in, and with keys in plain sight.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "cleanup.h"
#include "table-render.h"

#define WORDS_MAX 128

/* A live table cut into words, in memory that is wiped. */
struct live {
	struct secret *text;
	const char *words[WORDS_MAX];
	size_t n;
};

static void live_done(struct live *live)
{
	live->text = secret_free(live->text);
}

static int live_split(const struct mapping_line *line, struct live *ret, struct diag *diag)
{
	_cleanup_(live_done) struct live live = {};
	char *rest, *word;
	int r;

	r = secret_new_from(
		secret_peek(line->params), secret_size(line->params), false, &live.text);
	if (r < 0)
		return r;
	rest = (char *)secret_bytes(live.text);
	while ((word = strsep(&rest, " "))) {
		if (!*word)
			continue;
		if (live.n == WORDS_MAX)
			return diag_set(diag, -EEXIST, "the live table is longer than any of ours");
		live.words[live.n++] = word;
	}
	*ret = live;
	live = (struct live){};
	return 0;
}

/* In dm-verity these options have their value in the next word. */
static bool takes_value(const char *option)
{
	static const char *const names[] = { "use_fec_from_device", "fec_blocks", "fec_start",
		"fec_roots", "root_hash_sig_key_desc" };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (streq(option, names[i]))
			return true;
	return false;
}

static bool is_hex(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF");

	return n > 0 && n % 2 == 0 && s[n] == '\0';
}

static bool word_matches(
	const struct word *planned, const struct table_inputs *in, const char *live)
{
	const char *rest = startswith(live, planned->text);
	char device[24];

	switch (planned->kind) {
	case WORD_TEXT:
		return streq(planned->text, live);
	case WORD_DEVICE:
		for (size_t i = 0; i < in->n_devices; i++) {
			if (!streq(in->devices[i].role, planned->role))
				continue;
			(void)snprintf(device, sizeof(device), "%u:%u",
				major(in->devices[i].device), minor(in->devices[i].device));
			return rest && streq(rest, device);
		}
		return false;
	case WORD_KEY:
		return rest && is_hex(rest);
	case WORD_UNKNOWN:
		break;
	}
	/* What was not known beforehand cannot differ. */
	return rest != NULL;
}

/* The word for a message: a key, or what stands in its place, is never shown. */
static const char *shown(const struct word *planned, const char *live)
{
	return planned->kind == WORD_KEY ? "<another form>" : live;
}

static int differs(const struct word *planned, const char *live, struct diag *diag)
{
	if (!live)
		return diag_set(diag, -EEXIST, "the live table differs: \"%s%s\" is missing",
			planned->text,
			planned->kind == WORD_KEY      ? "<key>"
			: planned->kind == WORD_DEVICE ? planned->role
						       : "");
	return diag_set(diag, -EEXIST, "the live table differs: \"%s\" where \"%s%s\" was planned",
		shown(planned, live), planned->text,
		planned->kind == WORD_KEY      ? "<key>"
		: planned->kind == WORD_DEVICE ? planned->role
					       : "");
}

static bool in_list(const char *option, const char *const *list)
{
	for (; list && *list; list++) {
		const char *rest = startswith(option, *list);

		if (rest && (*rest == '\0' || *rest == ':' || endswith(*list, ":")))
			return true;
	}
	return false;
}

/* Where the options of the planned table begin; their number is the word before. */
static size_t options_begin(const struct dmtable *t)
{
	return t->n_options > 0 ? t->count_at + 1 : t->n_words;
}

/* The place of the planned option among the live ones, or -ENOENT. */
static ssize_t find_option(const struct dmtable *planned, size_t at, const struct table_inputs *in,
	const struct live *live, size_t live_begin)
{
	const struct word *word = &planned->words[at];
	bool pair = word->kind == WORD_TEXT && takes_value(word->text) && at + 1 < planned->n_words;

	for (size_t i = live_begin; i < live->n; i++) {
		bool live_pair = takes_value(live->words[i]);

		if (word_matches(word, in, live->words[i]) &&
			(!pair || (i + 1 < live->n &&
					  word_matches(word + 1, in, live->words[i + 1]))))
			return (ssize_t)i;
		if (live_pair)
			i++;
	}
	return -ENOENT;
}

static int compare_options(const struct dmtable *planned, const struct table_inputs *in,
	const struct live *live, size_t live_begin, const char *const *kernel_options,
	struct diag *diag)
{
	bool seen[WORDS_MAX] = {};

	for (size_t i = options_begin(planned); i < planned->n_words; i++) {
		const struct word *word = &planned->words[i];
		bool pair = word->kind == WORD_TEXT && takes_value(word->text);
		ssize_t at = find_option(planned, i, in, live, live_begin);

		if (at < 0 && !(word->kind == WORD_TEXT && in_list(word->text, kernel_options)))
			return differs(word, NULL, diag);
		if (at >= 0) {
			seen[at] = true;
			if (pair)
				seen[at + 1] = true;
		}
		if (pair)
			i++;
	}

	for (size_t i = live_begin; i < live->n; i++) {
		const char *word = live->words[i];

		if (seen[i])
			continue;
		if (in_list(word, kernel_options)) {
			if (takes_value(word))
				i++;
			continue;
		}
		/* What is behind a colon may be a key. */
		return diag_set(diag, -EEXIST,
			"the live table differs: the option \"%.*s\" was not planned",
			(int)strcspn(word, ":"), word);
	}
	return 0;
}

static int compare_words(const struct dmtable *planned, const struct table_inputs *in,
	const struct live *live, const char *const *kernel_options, struct diag *diag)
{
	size_t positional = planned->n_words;

	if (planned->n_options > 0 ||
		(planned->count_at > 0 && planned->count_at < planned->n_words))
		positional = planned->count_at;

	for (size_t i = 0; i < positional; i++)
		if (i >= live->n || !word_matches(&planned->words[i], in, live->words[i]))
			return differs(
				&planned->words[i], i < live->n ? live->words[i] : NULL, diag);

	/* The number of options needs no look: the options themselves are compared. */
	return compare_options(planned, in, live, positional + 1, kernel_options, diag);
}

int table_compare(const struct dmtable *planned, const struct table_inputs *inputs,
	const struct mapping_line *line, const char *const *kernel_options, struct diag *diag)
{
	_cleanup_(live_done) struct live live = {};
	int r;

	r = dmtable_error(planned);
	if (r < 0)
		return r;
	if (!streq(line->target, planned->target))
		return diag_set(diag, -EEXIST,
			"the live table differs: target \"%s\" where \"%s\" was planned",
			line->target, planned->target);
	if (line->start_sector != 0 || line->length_sectors != planned->length_sectors)
		return diag_set(diag, -EEXIST,
			"the live table differs: it is %ju sectors long where %ju were planned",
			(uintmax_t)line->length_sectors, (uintmax_t)planned->length_sectors);

	r = live_split(line, &live, diag);
	if (r < 0)
		return r;
	return compare_words(planned, inputs, &live, kernel_options, diag);
}
