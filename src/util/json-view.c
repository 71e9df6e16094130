/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Steps over values by counting brackets, which is enough in text that has been scanned; on other
 * text it gives errors or nonsense, but stays within it.
 */

#include "json-view.h"

#include <errno.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "parse.h"

static size_t skip(struct json_view v, size_t pos, const char *characters)
{
	while (pos < v.size && v.text[pos] && strchr(characters, v.text[pos]))
		pos++;
	return pos;
}

static size_t skip_string(struct json_view v, size_t pos)
{
	for (pos++; pos < v.size && v.text[pos] != '"'; pos++)
		pos += v.text[pos] == '\\';
	return MIN(pos + 1, v.size);
}

static size_t skip_value(struct json_view v, size_t pos)
{
	size_t depth = 0;

	while (pos < v.size) {
		char c = v.text[pos];

		if (c == '"') {
			pos = skip_string(v, pos);
		} else if (c == '{' || c == '[') {
			depth++;
			pos++;
		} else if (c == '}' || c == ']') {
			if (depth == 0)
				return pos;
			depth--;
			pos++;
		} else if (depth == 0 && strchr(", \t\r\n", c)) {
			return pos;
		} else {
			pos++;
		}
		if (depth == 0 && strchr("\"}]", c))
			return pos;
	}
	return pos;
}

struct json_view json_view_of(const char *text, size_t size)
{
	struct json_view all = { text, size };
	size_t begin = skip(all, 0, " \t\r\n");

	return (struct json_view){ text + begin, skip_value(all, begin) - begin };
}

int json_view_next(
	struct json_view v, size_t *pos, struct json_view *ret_key, struct json_view *ret)
{
	struct json_view key = { v.text, 0 };
	size_t begin;

	if (v.size < 2 || (v.text[0] != '{' && v.text[0] != '['))
		return -EINVAL;
	begin = skip(v, MAX(*pos, (size_t)1), " \t\r\n,");
	if (begin + 1 >= v.size)
		return 0;
	if (v.text[0] == '{') {
		size_t end = skip_string(v, begin);

		key = (struct json_view){ v.text + begin + 1, end - begin - 2 };
		begin = skip(v, end, " \t\r\n:");
	}
	*pos = skip_value(v, begin);
	if (*pos <= begin)
		return -EINVAL;
	*ret_key = key;
	*ret = (struct json_view){ v.text + begin, *pos - begin };
	return 1;
}

bool json_view_equal(struct json_view v, const char *text)
{
	return v.size == strlen(text) && memcmp(v.text, text, v.size) == 0;
}

int json_view_member(struct json_view object, const char *name, struct json_view *ret)
{
	struct json_view key, value;
	size_t pos = 0;
	int r;

	if (object.size == 0 || object.text[0] != '{')
		return -EINVAL;
	while ((r = json_view_next(object, &pos, &key, &value)) > 0)
		if (json_view_equal(key, name)) {
			*ret = value;
			return 0;
		}
	return r < 0 ? r : -ENOENT;
}

int json_view_string(struct json_view v, char *ret, size_t size)
{
	size_t n = 0;

	if (v.size < 2 || v.text[0] != '"' || v.text[v.size - 1] != '"')
		return -EINVAL;
	for (size_t i = 1; i + 1 < v.size; i++) {
		if (v.text[i] == '\\' && !strchr("\"\\/", v.text[++i]))
			return -EINVAL;
		if (n + 1 >= size)
			return -EINVAL;
		ret[n++] = v.text[i];
	}
	ret[n] = '\0';
	return 0;
}

int json_view_u64(struct json_view v, uint64_t *ret)
{
	char word[24];

	if (v.size == 0 || v.size >= sizeof(word))
		return -EINVAL;
	/* Not hexadecimal, which parse_u64() would take. */
	for (size_t i = 0; i < v.size; i++)
		if (v.text[i] < '0' || v.text[i] > '9')
			return -EINVAL;
	memcpy(word, v.text, v.size);
	word[v.size] = '\0';
	return parse_u64(word, ret);
}
