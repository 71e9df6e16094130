/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Feeds every file of the named folders to the fuzz target, and of each some thousand variants.
 * They are the same in every run, so that a failure comes back.
 *
 *	fuzz-NAME FOLDER...
 */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "fd.h"
#include "fuzz.h"
#include "macro.h"

#define INPUT_MAX (1 << 20)
#define VARIANTS  3000U

static uint64_t random_state;

/* xorshift64 */
static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

/* A bit, a byte of a telling value, a shorter end, or a part copied over another. */
static size_t change(uint8_t *data, size_t size)
{
	static const uint8_t telling[] = { 0x00, 0x01, 0x7f, 0x80, 0xff, '"', '\n', ' ', '=', ':' };
	/* Most of what formats say is at the begin. */
	size_t range = next_random() % 2 ? size : MIN(size, (size_t)96);
	size_t at = next_random() % range, from = next_random() % size;

	switch (next_random() % 5) {
	case 0:
	case 1:
		data[at] ^= (uint8_t)(1U << (next_random() % 8));
		break;
	case 2:
		data[at] = telling[next_random() % ARRAY_SIZE(telling)];
		break;
	case 3:
		memmove(data + at, data + from, MIN(size - MAX(at, from), next_random() % 16));
		break;
	case 4:
		if (next_random() % 8 == 0)
			size = at + 1;
		break;
	}
	return size;
}

/* In memory of exactly its size, so that a read behind the end is seen. */
static void run_exact(const uint8_t *data, size_t size)
{
	_cleanup_free_ uint8_t *copy = malloc(size ?: 1);

	if (!copy)
		abort();
	memcpy(copy, data, size);
	(void)LLVMFuzzerTestOneInput(copy, size);
}

static void run_variants(const uint8_t *data, size_t size)
{
	_cleanup_free_ uint8_t *variant = malloc(size);

	if (!variant)
		abort();
	random_state = 0x9e3779b97f4a7c15 ^ size;
	for (unsigned i = 0; i < VARIANTS; i++) {
		size_t length = size;

		memcpy(variant, data, size);
		for (uint64_t n = 1 + next_random() % 4; n > 0; n--)
			length = change(variant, length);
		run_exact(variant, length);
	}
}

static int run_folder(const char *path, unsigned *count)
{
	DIR *dir = opendir(path);

	if (!dir)
		return -errno;
	int r = 0;
	for (struct dirent *d = readdir(dir); d && r == 0; d = readdir(dir)) {
		_cleanup_free_ char *data = NULL;
		size_t size;

		if (d->d_name[0] == '.')
			continue;
		r = file_read(dirfd(dir), d->d_name, INPUT_MAX, &data, &size);
		if (r < 0)
			break;
		run_exact((const uint8_t *)data, size);
		if (size > 0)
			run_variants((const uint8_t *)data, size);
		(*count)++;
	}
	(void)closedir(dir);
	return r;
}

int main(int argc, char **argv)
{
	unsigned count = 0;

	for (int i = 1; i < argc; i++) {
		int r = run_folder(argv[i], &count);

		if (r < 0) {
			(void)fprintf(stderr, "%s: %s\n", argv[i], strerror(-r));
			return EXIT_FAILURE;
		}
	}
	(void)printf("%u inputs and %u variants of each\n", count, VARIANTS);
	return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
