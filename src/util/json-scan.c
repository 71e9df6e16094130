/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A recursive descent over JSON text that builds nothing.
 */

#include <errno.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "hex.h"
#include "json-scan.h"
#include "overflow.h"
#include "utf8.h"

struct span {
	const char *text;
	size_t len;
};

/* Where we are: the member or the element of each value that encloses the present one. */
struct frame {
	struct span key; /* text NULL: an element of an array */
	size_t index;
};

struct scan {
	const char *start;
	const char *p;
	const char *end;
	const char *file;
	struct frame frames[JSON_DEPTH_MAX];
	unsigned depth;
	struct diag *diag;
};

static int scan_value(struct scan *s);

/* The text is no JSON: the line is the place. */
static int scan_syntax(const struct scan *s, const char *what)
{
	unsigned line = 1;

	for (const char *p = s->start; p < s->p; p++)
		line += *p == '\n';
	(void)diag_at(s->diag, -EINVAL, "%s:%u", s->file, line);
	return diag_set(s->diag, -EINVAL, "%s", what);
}

/* It is JSON, but not for us: the path is the place. */
static int scan_refuse(const struct scan *s, const char *what, struct span word)
{
	_cleanup_(buf_done) struct buf path = {};

	for (unsigned i = 0; i < s->depth; i++) {
		const struct frame *frame = &s->frames[i];

		if (frame->key.text)
			buf_printf(&path, ".%.*s", (int)frame->key.len, frame->key.text);
		else
			buf_printf(&path, "[%zu]", frame->index);
	}
	(void)diag_at(s->diag, -EINVAL, "%s: $%s", s->file, buf_str(&path));
	return diag_set(s->diag, -EINVAL, "%s%s%.*s%s", what, word.text ? " \"" : "", (int)word.len,
		word.text ? word.text : "", word.text ? "\"" : "");
}

static void skip_space(struct scan *s)
{
	while (s->p < s->end && *s->p && strchr(" \t\r\n", *s->p))
		s->p++;
}

static char peek(const struct scan *s)
{
	return s->p < s->end ? *s->p : '\0';
}

static int scan_unicode_escape(struct scan *s)
{
	uint8_t code[2];

	if (s->end - s->p < 4 || hex_decode(s->p, code, 2) < 0)
		return scan_syntax(s, "\\u needs four hexadecimal digits");
	if (code[0] == 0 && (code[1] < ' ' || code[1] == 0x7f))
		return scan_refuse(s, "a control character in a string", (struct span){});
	if (code[0] >= 0xd8 && code[0] <= 0xdf)
		return scan_refuse(
			s, "an escaped surrogate in a string; write UTF-8", (struct span){});
	s->p += 4;
	return 0;
}

static int scan_escape(struct scan *s)
{
	char c = peek(s);

	if (c == 'u') {
		s->p++;
		return scan_unicode_escape(s);
	}
	if (c != '\0' && strchr("bfnrt", c))
		return scan_refuse(s, "a control character in a string", (struct span){});
	if (c == '\0' || !strchr("\"\\/", c))
		return scan_syntax(s, "unknown escape in a string");
	s->p++;
	return 0;
}

/* Behind the opening quote. *ret is what lies between the quotes, as written. */
static int scan_string(struct scan *s, struct span *ret)
{
	const char *first = s->p;
	int r;

	for (;;) {
		unsigned char c = (unsigned char)peek(s);

		if (s->p == s->end)
			return scan_syntax(s, "a string does not end");
		if (c < ' ' || c == 0x7f)
			return scan_syntax(s, "a control character in a string");
		s->p++;
		if (c == '"')
			break;
		if (c != '\\')
			continue;
		r = scan_escape(s);
		if (r < 0)
			return r;
	}
	*ret = (struct span){ first, (size_t)(s->p - 1 - first) };
	return 0;
}

static int scan_number(struct scan *s)
{
	struct span word = { s->p, 0 };
	uint64_t n = 0;
	bool overflow = false;

	while (s->p + word.len < s->end && word.text[word.len] &&
		strchr("+-.0123456789eE", word.text[word.len]))
		word.len++;
	for (size_t i = 0; i < word.len; i++) {
		unsigned digit = (unsigned)(unsigned char)word.text[i] - '0';

		if (digit > 9)
			return scan_refuse(s, "not an unsigned integer:", word);
		overflow |= mul_overflows(n, 10U, &n) || add_overflows(n, digit, &n);
	}
	if (word.len > 1 && word.text[0] == '0')
		return scan_refuse(s, "a number with a leading zero:", word);
	if (overflow)
		return scan_refuse(s, "a number of more than 64 bits:", word);
	s->p += word.len;
	return 0;
}

static int scan_literal(struct scan *s)
{
	static const char *const literals[] = { "true", "false", "null" };
	struct span word = { s->p, 0 };

	while (s->p + word.len < s->end && word.text[word.len] >= 'a' && word.text[word.len] <= 'z')
		word.len++;
	for (size_t i = 0; i < ARRAY_SIZE(literals); i++) {
		if (strlen(literals[i]) != word.len ||
			memcmp(word.text, literals[i], word.len) != 0)
			continue;
		s->p += word.len;
		return 0;
	}
	return scan_syntax(s, s->p == s->end ? "the text ends too early" : "a value is expected");
}

/* The name of a member, which no other member of the object has. */
static int scan_key(struct scan *s, struct span *seen, size_t *n_seen)
{
	struct span key;
	int r;

	if (peek(s) != '"')
		return scan_syntax(s, "a member name in quotes is expected");
	s->p++;
	/* The object itself is the place of what is wrong with a name. */
	s->depth--;
	r = scan_string(s, &key);
	if (r >= 0 && key.len == 0)
		r = scan_refuse(s, "a member without a name", (struct span){});
	if (r >= 0 && memchr(key.text, '\\', key.len))
		r = scan_refuse(s, "a member name with an escape:", key);
	if (r >= 0 && *n_seen == JSON_MEMBERS_MAX)
		r = scan_refuse(s, "too many members", (struct span){});
	for (size_t i = 0; r >= 0 && i < *n_seen; i++)
		if (seen[i].len == key.len && memcmp(seen[i].text, key.text, key.len) == 0)
			r = scan_refuse(s, "duplicate member", key);
	s->depth++;
	if (r < 0)
		return r;

	seen[(*n_seen)++] = key;
	s->frames[s->depth - 1].key = key;
	return 0;
}

/* Returns 1 if the container goes on behind a comma, 0 at its end. */
static int scan_separator(struct scan *s, char close)
{
	skip_space(s);
	if (peek(s) == ',') {
		s->p++;
		skip_space(s);
		return 1;
	}
	if (peek(s) != close)
		return scan_syntax(s,
			close == '}' ? "\",\" or \"}\" is expected" : "\",\" or \"]\" is expected");
	s->p++;
	return 0;
}

static int scan_object(struct scan *s)
{
	struct span seen[JSON_MEMBERS_MAX];
	size_t n_seen = 0;
	int r;

	do {
		r = scan_key(s, seen, &n_seen);
		if (r < 0)
			return r;
		skip_space(s);
		if (peek(s) != ':')
			return scan_syntax(s, "\":\" is expected behind a member name");
		s->p++;
		r = scan_value(s);
		if (r < 0)
			return r;
		r = scan_separator(s, '}');
	} while (r > 0);
	return r;
}

static int scan_array(struct scan *s)
{
	struct frame *frame = &s->frames[s->depth - 1];
	int r;

	for (;; frame->index++) {
		r = scan_value(s);
		if (r < 0)
			return r;
		r = scan_separator(s, ']');
		if (r <= 0)
			return r;
	}
}

static int scan_container(struct scan *s, char close)
{
	int r;

	if (s->depth == JSON_DEPTH_MAX)
		return scan_refuse(s, "nested too deeply", (struct span){});
	s->p++;
	skip_space(s);
	if (peek(s) == close) {
		s->p++;
		return 0;
	}

	s->frames[s->depth++] = (struct frame){};
	r = close == '}' ? scan_object(s) : scan_array(s);
	s->depth--;
	return r;
}

static int scan_value(struct scan *s)
{
	struct span string;

	skip_space(s);
	switch (peek(s)) {
	case '{':
		return scan_container(s, '}');
	case '[':
		return scan_container(s, ']');
	case '"':
		s->p++;
		return scan_string(s, &string);
	case '-':
	case '0' ... '9':
		return scan_number(s);
	default:
		return scan_literal(s);
	}
}

int json_scan(const char *text, size_t size, const char *file, struct diag *diag)
{
	struct scan s = {
		.start = text,
		.p = text,
		.end = text + size,
		.file = file,
		.diag = diag,
	};
	int r;

	if (!utf8_is_valid(text, size)) {
		(void)diag_at(diag, -EINVAL, "%s", file);
		return diag_set(diag, -EINVAL, "the text is not UTF-8");
	}

	r = scan_value(&s);
	if (r < 0)
		return r;
	skip_space(&s);
	if (s.p < s.end)
		return scan_syntax(&s, "text behind the end of the value");
	return 0;
}
