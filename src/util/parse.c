/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Words to numbers. strtoul() and its family accept too much (signs, white space, octal), so the
 * digits are read here.
 */

#include <errno.h>
#include <string.h>

#include "hex.h"
#include "overflow.h"
#include "parse.h"

#define WHITESPACE " \t\n\r\v\f"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* -1 if the character is no digit of the base. */
static int digit_value(char c, unsigned base)
{
	int value = -1;

	if (is_digit(c))
		value = c - '0';
	else if (base == 16 && (c | 0x20) >= 'a' && (c | 0x20) <= 'f')
		value = (c | 0x20) - 'a' + 10;
	return value;
}

/* Reads digits as far as they go; at least one. *ret_end is behind the last. */
static int digits_read(const char *text, unsigned base, uint64_t *ret, const char **ret_end)
{
	uint64_t n = 0;
	bool overflow = false;
	const char *p = text;

	for (int digit; (digit = digit_value(*p, base)) >= 0; p++)
		overflow |= mul_overflows(n, base, &n) || add_overflows(n, (unsigned)digit, &n);
	if (p == text)
		return -EINVAL;

	*ret_end = p;
	*ret = overflow ? UINT64_MAX : n;
	return overflow ? -ERANGE : 0;
}

/* Decimal digits without a leading zero. */
static int decimal_read(const char *text, uint64_t *ret, const char **ret_end)
{
	if (text[0] == '0' && is_digit(text[1]))
		return -EINVAL;
	return digits_read(text, 10, ret, ret_end);
}

int parse_u64(const char *word, uint64_t *ret)
{
	const char *end = "";
	uint64_t n;
	int r;

	if (word[0] == '0' && (word[1] == 'x' || word[1] == 'X'))
		r = digits_read(word + 2, 16, &n, &end);
	else
		r = decimal_read(word, &n, &end);
	if (*end != '\0')
		return -EINVAL;
	if (r < 0)
		return r;

	*ret = n;
	return 0;
}

int parse_bool(const char *word, bool *ret)
{
	static const char *const yes[] = { "yes", "true", "on", "1" };
	static const char *const no[] = { "no", "false", "off", "0" };

	for (size_t i = 0; i < ARRAY_SIZE(yes); i++) {
		if (streq(word, yes[i])) {
			*ret = true;
			return 0;
		}
		if (streq(word, no[i])) {
			*ret = false;
			return 0;
		}
	}
	return -EINVAL;
}

int parse_size(const char *word, uint64_t *ret)
{
	static const char units[] = "KMGT";
	const char *end = "";
	unsigned shift = 0;
	uint64_t n;
	int r;

	r = decimal_read(word, &n, &end);
	if (r == -EINVAL)
		return r;
	if (*end != '\0') {
		const char *unit = strchr(units, *end);

		if (!unit || end[1] != '\0')
			return -EINVAL;
		shift = 10U * (unsigned)(unit - units + 1);
	}
	if (r < 0)
		return r;
	if (mul_overflows(n, UINT64_C(1) << shift, &n))
		return -ERANGE;

	*ret = n;
	return 0;
}

struct time_unit {
	const char *name;
	uint64_t usec;
};

/* systemd.time(7), as far as a time-out can need it. */
static const struct time_unit time_units[] = {
	{ "usec", 1 },
	{ "us", 1 },
	{ "msec", 1000 },
	{ "ms", 1000 },
	{ "seconds", 1000000 },
	{ "second", 1000000 },
	{ "sec", 1000000 },
	{ "s", 1000000 },
	{ "minutes", 60000000 },
	{ "minute", 60000000 },
	{ "min", 60000000 },
	{ "m", 60000000 },
	{ "hours", 3600000000 },
	{ "hour", 3600000000 },
	{ "hr", 3600000000 },
	{ "h", 3600000000 },
	{ "days", 86400000000 },
	{ "day", 86400000000 },
	{ "d", 86400000000 },
};

/* A number without a unit counts seconds. */
static const struct time_unit *time_unit_read(const char **p)
{
	static const struct time_unit seconds = { "", 1000000 };
	size_t len = 0;

	while ((*p)[len] >= 'a' && (*p)[len] <= 'z')
		len++;
	if (len == 0)
		return &seconds;
	for (size_t i = 0; i < ARRAY_SIZE(time_units); i++) {
		if (strlen(time_units[i].name) != len || strncmp(*p, time_units[i].name, len) != 0)
			continue;
		*p += len;
		return &time_units[i];
	}
	return NULL;
}

int parse_usec(const char *word, uint64_t *ret)
{
	uint64_t sum = 0;
	bool overflow = false;

	if (streq(word, "infinity")) {
		*ret = UINT64_MAX;
		return 0;
	}

	for (const char *p = word;;) {
		const struct time_unit *unit;
		uint64_t n;
		int r;

		r = decimal_read(p, &n, &p);
		if (r == -EINVAL)
			return r;
		overflow |= r < 0;
		p += strspn(p, " ");
		unit = time_unit_read(&p);
		if (!unit)
			return -EINVAL;
		overflow |= mul_overflows(n, unit->usec, &n) || add_overflows(sum, n, &sum);
		if (*p == '\0')
			break;
		p += strspn(p, " ");
	}
	if (overflow || sum == UINT64_MAX)
		return -ERANGE;

	*ret = sum;
	return 0;
}

/* The groups of a UUID, in bytes. */
static const size_t uuid_groups[] = { 4, 2, 2, 2, 6 };

int parse_uuid(const char *word, uint8_t ret[16])
{
	uint8_t uuid[16];
	uint8_t *to = uuid;

	if (strlen(word) != 36)
		return -EINVAL;
	for (size_t i = 0; i < ARRAY_SIZE(uuid_groups); i++) {
		if (i > 0 && *word++ != '-')
			return -EINVAL;
		if (hex_decode(word, to, uuid_groups[i]) < 0)
			return -EINVAL;
		word += (size_t)2 * uuid_groups[i];
		to += uuid_groups[i];
	}

	memcpy(ret, uuid, sizeof(uuid));
	return 0;
}

void format_uuid(const uint8_t uuid[16], char ret[37])
{
	for (size_t i = 0; i < ARRAY_SIZE(uuid_groups); i++) {
		if (i > 0)
			*ret++ = '-';
		hex_encode(uuid, uuid_groups[i], ret);
		uuid += uuid_groups[i];
		ret += (size_t)2 * uuid_groups[i];
	}
}

int parse_next_word(char **line, char **ret)
{
	char *word = *line + strspn(*line, WHITESPACE);
	char *end = word + strcspn(word, WHITESPACE);

	if (word == end) {
		*line = end;
		return 0;
	}

	*line = *end == '\0' ? end : end + 1;
	*end = '\0';
	*ret = word;
	return 1;
}

int parse_next_comma(char **list, char **ret)
{
	char *element = *list;

	if (!element)
		return 0;

	/* NULL marks the end, since a comma at the end is followed by one more, empty element. */
	char *comma = strchr(element, ',');

	*list = comma ? comma + 1 : NULL;
	if (comma)
		*comma = '\0';
	*ret = element;
	return 1;
}
