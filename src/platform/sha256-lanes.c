/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Cuts messages into what the vector loops take: whole blocks from each lane. A message is
 *
 *	[start][prefix][head][ data ................ ][padding]
 *	       |-- first: copied --|-- in place --|- last: copied -|
 *
 * so that all but the two ends is read where it lies.
 */

#include "sha256-lanes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "secret.h"

#define FIRST_MAX (256 + SHA256_BLOCK_SIZE)
#define LAST_MAX  ((size_t)2 * SHA256_BLOCK_SIZE)

const uint32_t sha256_constants[64] = {
	0x428a2f98,
	0x71374491,
	0xb5c0fbcf,
	0xe9b5dba5,
	0x3956c25b,
	0x59f111f1,
	0x923f82a4,
	0xab1c5ed5,
	0xd807aa98,
	0x12835b01,
	0x243185be,
	0x550c7dc3,
	0x72be5d74,
	0x80deb1fe,
	0x9bdc06a7,
	0xc19bf174,
	0xe49b69c1,
	0xefbe4786,
	0x0fc19dc6,
	0x240ca1cc,
	0x2de92c6f,
	0x4a7484aa,
	0x5cb0a9dc,
	0x76f988da,
	0x983e5152,
	0xa831c66d,
	0xb00327c8,
	0xbf597fc7,
	0xc6e00bf3,
	0xd5a79147,
	0x06ca6351,
	0x14292967,
	0x27b70a85,
	0x2e1b2138,
	0x4d2c6dfc,
	0x53380d13,
	0x650a7354,
	0x766a0abb,
	0x81c2c92e,
	0x92722c85,
	0xa2bfe8a1,
	0xa81a664b,
	0xc24b8b70,
	0xc76c51a3,
	0xd192e819,
	0xd6990624,
	0xf40e3585,
	0x106aa070,
	0x19a4c116,
	0x1e376c08,
	0x2748774c,
	0x34b0bcb5,
	0x391c0cb3,
	0x4ed8aa4a,
	0x5b9cca4f,
	0x682e6ff3,
	0x748f82ee,
	0x78a5636f,
	0x84c87814,
	0x8cc70208,
	0x90befffa,
	0xa4506ceb,
	0xbef9a3f7,
	0xc67178f2,
};

static uint32_t ror32(uint32_t x, unsigned n)
{
	return x >> n | x << (32 - n);
}

void sha256_start_init(struct sha256_start *start)
{
	*start = (struct sha256_start){
		.state = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c,
			0x1f83d9ab, 0x5be0cd19 },
	};
}

/* One block in plain C: for what precedes the messages, which is short. */
void sha256_start_block(struct sha256_start *start, const uint8_t block[SHA256_BLOCK_SIZE])
{
	uint32_t w[64], s[8];

	for (size_t t = 0; t < 16; t++)
		w[t] = get_be32(block + 4 * t);
	for (size_t t = 16; t < 64; t++) {
		uint32_t s0 = ror32(w[t - 15], 7) ^ ror32(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t s1 = ror32(w[t - 2], 17) ^ ror32(w[t - 2], 19) ^ w[t - 2] >> 10;

		w[t] = w[t - 16] + s0 + w[t - 7] + s1;
	}

	memcpy(s, start->state, sizeof(s));
	for (size_t t = 0; t < 64; t++) {
		uint32_t sum1 = ror32(s[4], 6) ^ ror32(s[4], 11) ^ ror32(s[4], 25);
		uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
		uint32_t t1 = s[7] + sum1 + choice + sha256_constants[t] + w[t];
		uint32_t sum0 = ror32(s[0], 2) ^ ror32(s[0], 13) ^ ror32(s[0], 22);
		uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);

		memmove(s + 1, s, 7 * sizeof(*s));
		s[4] += t1;
		s[0] = t1 + sum0 + majority;
	}
	for (unsigned i = 0; i < 8; i++)
		start->state[i] += s[i];
	start->bytes += SHA256_BLOCK_SIZE;
	/* The block may be a padded key. */
	wipe(w, sizeof(w));
	wipe(s, sizeof(s));
}

static bool has_avx512(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
#else
	return false;
#endif
}

static bool has_avx2(void)
{
#if defined(__x86_64__)
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

/* GCC 12 cannot be asked about the SHA extensions. */
static bool has_sha(void)
{
#if defined(__x86_64__)
	unsigned a = 7, b = 0, c = 0, d;

	__asm__("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
	return b & 1U << 29 && __builtin_cpu_supports("sse4.1");
#else
	return false;
#endif
}

static bool has_libcrypto(void)
{
	return true;
}

struct path {
	const char *name;
	unsigned lanes;
	bool (*usable)(void);
	void (*blocks)(uint32_t *state, const uint8_t *const *data, size_t n_blocks);
};

#if defined(__x86_64__)
#define BLOCKS(loop) loop
#else
#define BLOCKS(loop) NULL
#endif

/* The fastest first. libcrypto uses the SHA extensions too, for one message at a time. */
static const struct path paths[] = {
	{ "avx512", 32, has_avx512, BLOCKS(sha256_avx512_pair_blocks) },
	{ "sha-ni", 2, has_sha, BLOCKS(sha256_ni_blocks) },
	{ "avx2", 8, has_avx2, BLOCKS(sha256_avx2_blocks) },
	{ "libcrypto", 0, has_libcrypto, NULL },
};

/* For the last of many messages. */
static const struct path half_path = { "avx512", 16, has_avx512, BLOCKS(sha256_avx512_blocks) };

static const struct path *find_path(unsigned lanes)
{
	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i].lanes == lanes)
			return &paths[i];
	return NULL;
}

bool sha256_lanes_usable(unsigned lanes)
{
	const struct path *path = find_path(lanes);

	return path && path->usable();
}

int sha256_lanes(unsigned *ret)
{
	const char *wanted = secure_getenv("DMSTACK_SHA256");

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		if ((wanted && !streq(paths[i].name, wanted)) || !paths[i].usable())
			continue;
		*ret = paths[i].lanes;
		return 0;
	}
	return -EOPNOTSUPP;
}

/* Messages on their way. Lanes that are not used do the work of the first again. */
struct batch {
	const struct path *path;
	unsigned lanes;
	uint32_t state[8 * SHA256_LANES_MAX]; /* [word][lane] */
	uint8_t ends[SHA256_LANES_MAX][FIRST_MAX];
	const uint8_t *from[SHA256_LANES_MAX];
};

static void batch_blocks(struct batch *b, size_t n_blocks)
{
	b->path->blocks(b->state, b->from, n_blocks);
}

/* Hashes the blocks that begin before the data, and returns how much data they took. */
static size_t batch_first(struct batch *b, const struct sha256_messages *m, size_t index, size_t n)
{
	size_t before = m->prefix_size + m->head_size;
	size_t blocks = (before + SHA256_BLOCK_SIZE - 1) / SHA256_BLOCK_SIZE;
	size_t taken = blocks * SHA256_BLOCK_SIZE - before;

	if (before == 0)
		return 0;
	for (unsigned lane = 0; lane < b->lanes; lane++) {
		size_t i = index + (lane < n ? lane : 0);
		uint8_t *to = b->ends[lane];

		memcpy(to, m->prefix, m->prefix_size);
		memcpy(to + m->prefix_size, m->heads + i * m->head_size, m->head_size);
		memcpy(to + before, m->data + i * m->data_size, taken);
		b->from[lane] = to;
	}
	batch_blocks(b, blocks);
	return taken;
}

/* The rest of the data, the bit behind it, zeros, and the length in bits. */
static void batch_last(struct batch *b, const struct sha256_messages *m, size_t index, size_t n,
	size_t rest, uint64_t total)
{
	size_t blocks = rest + 9 > SHA256_BLOCK_SIZE ? 2 : 1;

	for (unsigned lane = 0; lane < b->lanes; lane++) {
		size_t i = index + (lane < n ? lane : 0);
		uint8_t *to = b->ends[lane];

		memset(to, 0, LAST_MAX);
		memcpy(to, m->data + (i + 1) * m->data_size - rest, rest);
		to[rest] = 0x80;
		put_be64(to + blocks * SHA256_BLOCK_SIZE - 8, total * 8);
		b->from[lane] = to;
	}
	batch_blocks(b, blocks);
}

static void batch_run(struct batch *b, const struct sha256_start *start,
	const struct sha256_messages *m, size_t index, size_t n)
{
	for (size_t word = 0; word < 8; word++)
		for (unsigned lane = 0; lane < b->lanes; lane++)
			b->state[word * b->lanes + lane] = start->state[word];

	size_t taken = batch_first(b, m, index, n);
	size_t blocks = (m->data_size - taken) / SHA256_BLOCK_SIZE;

	if (blocks > 0) {
		for (unsigned lane = 0; lane < b->lanes; lane++)
			b->from[lane] =
				m->data + (index + (lane < n ? lane : 0)) * m->data_size + taken;
		batch_blocks(b, blocks);
	}
	batch_last(b, m, index, n, m->data_size - taken - blocks * SHA256_BLOCK_SIZE,
		start->bytes + m->prefix_size + m->head_size + m->data_size);
}

void sha256_lanes_run(unsigned lanes, const struct sha256_start *start,
	const struct sha256_messages *m, uint8_t *ret, size_t ret_stride)
{
	const struct path *path = find_path(lanes);
	struct batch b;

	for (size_t index = 0, n; index < m->n; index += n) {
		b.path = lanes == 32 && m->n - index <= half_path.lanes ? &half_path : path;
		b.lanes = b.path->lanes;
		n = MIN(m->n - index, (size_t)b.lanes);
		batch_run(&b, start, m, index, n);
		for (size_t lane = 0; lane < n; lane++)
			for (size_t word = 0; word < 8; word++)
				put_be32(ret + (index + lane) * ret_stride + 4 * word,
					b.state[word * b.lanes + lane]);
	}
	/* With a key in the start, states could be used to forge tags. */
	wipe(b.state, sizeof(b.state));
}
