/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Adiantum. With L the bulk, R the last 16 bytes, and + and - modulo 2^128:
 *
 *	plaintext   PL                PR
 *	                              PM = PR + H(tweak, PL)
 *	                              CM = AES-256(PM)
 *	            CL = PL ^ XChaCha(nonce CM || 1)
 *	ciphertext  CL                CR = CM - H(tweak, CL)
 *
 * H(tweak, L) is Poly1305(length of L in bits || tweak) plus Poly1305 of the NH hashes of L's parts
 * of 1024 bytes, under two keys. All keys but XChaCha's own are the begin of an XChaCha stream.
 * libcrypto has the AES; it has neither ChaCha with 12 rounds nor NH.
 */

#include <errno.h>
#include <string.h>

#include <openssl/evp.h>

#include "adiantum.h"
#include "bytes.h"
#include "cleanup.h"
#include "secret.h"

#define CHACHA_BLOCK  64
#define CHACHA_LANES  4 /* blocks at a time */
#define CHACHA_STEP   ((size_t)CHACHA_LANES * CHACHA_BLOCK)
#define BLOCK	      16
#define NH_PASSES     4
#define NH_PART_BYTES 1024
#define NH_KEY_WORDS  (NH_PART_BYTES / 4 + (NH_PASSES - 1) * 4)
#define DERIVED_BYTES (32 + 16 + 16 + NH_KEY_WORDS * 4)

typedef uint32_t lanes __attribute__((vector_size(CHACHA_LANES * 4)));

/* A number below 2^130 in limbs of 44, 44 and 42 bits. */
struct limbs {
	uint64_t n[3];
};

struct adiantum {
	uint8_t key[ADIANTUM_KEY_SIZE];
	unsigned rounds;
	struct limbs tweak_key;
	struct limbs bulk_key;
	uint32_t nh_key[NH_KEY_WORDS];
	EVP_CIPHER_CTX *enc, *dec;
};

#define MASK44 UINT64_C(0xfffffffffff)
#define MASK42 UINT64_C(0x3ffffffffff)

static struct limbs limbs_split(uint64_t low, uint64_t high)
{
	return (struct limbs){ {
		low & MASK44,
		(low >> 44 | high << 20) & MASK44,
		high >> 24,
	} };
}

/* Poly1305's r, with the bits cleared that it wants clear. */
static struct limbs poly_key(const uint8_t bytes[16])
{
	return limbs_split(get_le64(bytes) & UINT64_C(0x0ffffffc0fffffff),
		get_le64(bytes + 8) & UINT64_C(0x0ffffffc0ffffffc));
}

/* h = (h + block + 2^128) * r modulo 2^130 - 5; limbs of h may be a little above their size. */
static void poly_block(struct limbs *h, const struct limbs *r, const uint8_t block[BLOCK])
{
	struct limbs b = limbs_split(get_le64(block), get_le64(block + 8));
	uint64_t r0 = r->n[0], r1 = r->n[1], r2 = r->n[2];
	uint64_t s1 = r1 * 20, s2 = r2 * 20;
	uint64_t h0 = h->n[0] + b.n[0];
	uint64_t h1 = h->n[1] + b.n[1];
	uint64_t h2 = h->n[2] + b.n[2] + (UINT64_C(1) << 40);

	unsigned __int128 d0 = (unsigned __int128)h0 * r0 + (unsigned __int128)h1 * s2 +
			       (unsigned __int128)h2 * s1;
	unsigned __int128 d1 = (unsigned __int128)h0 * r1 + (unsigned __int128)h1 * r0 +
			       (unsigned __int128)h2 * s2;
	unsigned __int128 d2 = (unsigned __int128)h0 * r2 + (unsigned __int128)h1 * r1 +
			       (unsigned __int128)h2 * r0;

	d1 += (uint64_t)(d0 >> 44);
	d2 += (uint64_t)(d1 >> 44);
	h0 = ((uint64_t)d0 & MASK44) + (uint64_t)(d2 >> 42) * 5;
	h->n[0] = h0 & MASK44;
	h->n[1] = ((uint64_t)d1 & MASK44) + (h0 >> 44);
	h->n[2] = (uint64_t)d2 & MASK42;
}

/* Reduced below 2^130 - 5, then the low 128 bits. */
static unsigned __int128 poly_finish(const struct limbs *h)
{
	uint64_t h0 = h->n[0], h1 = h->n[1], h2 = h->n[2];

	for (unsigned i = 0; i < 2; i++) {
		h2 += h1 >> 44;
		h1 &= MASK44;
		h0 += (h2 >> 42) * 5;
		h2 &= MASK42;
		h1 += h0 >> 44;
		h0 &= MASK44;
	}

	/* g = h - (2^130 - 5); take it if it is not negative. */
	uint64_t g0 = h0 + 5;
	uint64_t g1 = h1 + (g0 >> 44);
	uint64_t g2 = h2 + (g1 >> 44);
	uint64_t take = -(g2 >> 42);

	h0 = (h0 & ~take) | (g0 & MASK44 & take);
	h1 = (h1 & ~take) | (g1 & MASK44 & take);
	h2 = (h2 & ~take) | (g2 & MASK42 & take);
	return (unsigned __int128)h2 << 88 | (unsigned __int128)h1 << 44 | h0;
}

static unsigned __int128 get_number(const uint8_t bytes[BLOCK])
{
	return (unsigned __int128)get_le64(bytes + 8) << 64 | get_le64(bytes);
}

static void put_number(uint8_t bytes[BLOCK], unsigned __int128 n)
{
	put_le64(bytes, (uint64_t)n);
	put_le64(bytes + 8, (uint64_t)(n >> 64));
}

/* The NH hash of one part: four passes, each with the key four words further on. */
static void nh(const uint32_t *key, const uint8_t *part, size_t size, uint8_t ret[NH_PASSES * 8])
{
	uint64_t sums[NH_PASSES] = {};

	for (; size >= BLOCK; size -= BLOCK, part += BLOCK, key += 4) {
		uint32_t m0 = get_le32(part), m1 = get_le32(part + 4);
		uint32_t m2 = get_le32(part + 8), m3 = get_le32(part + 12);

		for (unsigned i = 0; i < NH_PASSES; i++) {
			const uint32_t *k = key + (size_t)i * 4;

			sums[i] += (uint64_t)(uint32_t)(m0 + k[0]) * (uint32_t)(m2 + k[2]);
			sums[i] += (uint64_t)(uint32_t)(m1 + k[1]) * (uint32_t)(m3 + k[3]);
		}
	}
	for (unsigned i = 0; i < NH_PASSES; i++)
		put_le64(ret + (size_t)i * 8, sums[i]);
}

static unsigned __int128 hash_tweak(const struct adiantum *a, const uint8_t *tweak, size_t size)
{
	uint8_t head[BLOCK] = {};
	struct limbs h = {};

	put_le64(head, (uint64_t)size * 8);
	poly_block(&h, &a->tweak_key, head);
	for (size_t i = 0; i < ADIANTUM_TWEAK_SIZE; i += BLOCK)
		poly_block(&h, &a->tweak_key, tweak + i);
	return poly_finish(&h);
}

static unsigned __int128 hash_bulk(const struct adiantum *a, const uint8_t *bulk, size_t size)
{
	uint8_t digest[NH_PASSES * 8];
	struct limbs h = {};

	for (size_t done = 0; done < size; done += NH_PART_BYTES) {
		nh(a->nh_key, bulk + done, MIN(size - done, (size_t)NH_PART_BYTES), digest);
		for (size_t i = 0; i < sizeof(digest); i += BLOCK)
			poly_block(&h, &a->bulk_key, digest + i);
	}
	return poly_finish(&h);
}

#define ROTATE(x, n) ((x) << (n) | (x) >> (32 - (n)))

#define QUARTER_ROUND(x, a, b, c, d)                                                               \
	do {                                                                                       \
		(x)[a] += (x)[b], (x)[d] ^= (x)[a], (x)[d] = ROTATE((x)[d], 16);                   \
		(x)[c] += (x)[d], (x)[b] ^= (x)[c], (x)[b] = ROTATE((x)[b], 12);                   \
		(x)[a] += (x)[b], (x)[d] ^= (x)[a], (x)[d] = ROTATE((x)[d], 8);                    \
		(x)[c] += (x)[d], (x)[b] ^= (x)[c], (x)[b] = ROTATE((x)[b], 7);                    \
	} while (0)

#define CHACHA_ROUNDS(x, rounds)                                                                   \
	do {                                                                                       \
		for (unsigned _i = 0; _i < (rounds); _i += 2) {                                    \
			QUARTER_ROUND(x, 0, 4, 8, 12);                                             \
			QUARTER_ROUND(x, 1, 5, 9, 13);                                             \
			QUARTER_ROUND(x, 2, 6, 10, 14);                                            \
			QUARTER_ROUND(x, 3, 7, 11, 15);                                            \
			QUARTER_ROUND(x, 0, 5, 10, 15);                                            \
			QUARTER_ROUND(x, 1, 6, 11, 12);                                            \
			QUARTER_ROUND(x, 2, 7, 8, 13);                                             \
			QUARTER_ROUND(x, 3, 4, 9, 14);                                             \
		}                                                                                  \
	} while (0)

static void chacha_init(uint32_t state[16], const uint8_t key[32], const uint8_t tail[16])
{
	static const uint32_t constants[4] = { 0x61707865, 0x3320646e, 0x79622d32, 0x6b206574 };

	memcpy(state, constants, sizeof(constants));
	for (size_t i = 0; i < 8; i++)
		state[4 + i] = get_le32(key + i * 4);
	for (size_t i = 0; i < 4; i++)
		state[12 + i] = get_le32(tail + i * 4);
}

/* XORs CHACHA_LANES blocks of the key stream into the bytes; size may be less than that. */
static void chacha_xor(
	const uint32_t state[16], unsigned rounds, const uint8_t *src, uint8_t *dst, size_t size)
{
	lanes begin[16], x[16];
	uint8_t stream[CHACHA_STEP];

	for (size_t i = 0; i < 16; i++)
		begin[i] = (lanes){ state[i], state[i], state[i], state[i] };
	/* The caller's counter is a multiple of the lanes, so that nothing carries here. */
	begin[12] += (lanes){ 0, 1, 2, 3 };
	memcpy(x, begin, sizeof(x));
	CHACHA_ROUNDS(x, rounds);
	for (size_t i = 0; i < 16; i++) {
		x[i] += begin[i];
		for (size_t lane = 0; lane < CHACHA_LANES; lane++)
			put_le32(stream + lane * CHACHA_BLOCK + i * 4, x[i][lane]);
	}
	for (size_t i = 0; i < size; i++)
		dst[i] = src[i] ^ stream[i];
	wipe(begin, sizeof(begin));
	wipe(x, sizeof(x));
	wipe(stream, sizeof(stream));
}

/* The nonce has 24 bytes: 16 make a key of their own, 8 follow the block counter. */
static void xchacha_xor(const struct adiantum *a, const uint8_t nonce[24], const uint8_t *src,
	uint8_t *dst, size_t size)
{
	uint8_t key[32], tail[16] = {};
	uint32_t state[16];

	chacha_init(state, a->key, nonce);
	CHACHA_ROUNDS(state, a->rounds);
	for (size_t i = 0; i < 4; i++) {
		put_le32(key + i * 4, state[i]);
		put_le32(key + 16 + i * 4, state[12 + i]);
	}
	memcpy(tail + 8, nonce + 16, 8);
	chacha_init(state, key, tail);
	for (size_t done = 0; done < size; done += CHACHA_STEP) {
		chacha_xor(state, a->rounds, src + done, dst + done, MIN(size - done, CHACHA_STEP));
		state[12] += CHACHA_LANES;
	}
	wipe(key, sizeof(key));
	wipe(state, sizeof(state));
}

static int aes_init(EVP_CIPHER_CTX **ret, const uint8_t key[32], int encrypt)
{
	*ret = EVP_CIPHER_CTX_new();
	if (!*ret)
		return -ENOMEM;
	if (EVP_CipherInit_ex(*ret, EVP_aes_256_ecb(), NULL, key, NULL, encrypt) != 1 ||
		EVP_CIPHER_CTX_set_padding(*ret, 0) != 1)
		return -EIO;
	return 0;
}

static int aes_block(EVP_CIPHER_CTX *ctx, unsigned __int128 in, unsigned __int128 *ret)
{
	uint8_t block[BLOCK];
	int n = 0;

	put_number(block, in);
	if (EVP_CipherUpdate(ctx, block, &n, block, BLOCK) != 1 || n != BLOCK)
		return -EIO;
	*ret = get_number(block);
	return 0;
}

struct adiantum *adiantum_free(struct adiantum *a)
{
	if (!a)
		return NULL;
	EVP_CIPHER_CTX_free(a->enc);
	EVP_CIPHER_CTX_free(a->dec);
	wipe(a, sizeof(*a));
	free(a);
	return NULL;
}

static int derive_keys(struct adiantum *a)
{
	static const uint8_t nonce[24] = { 1 };
	uint8_t derived[DERIVED_BYTES] = {};
	int r;

	xchacha_xor(a, nonce, derived, derived, sizeof(derived));
	a->tweak_key = poly_key(derived + 32);
	a->bulk_key = poly_key(derived + 48);
	for (size_t i = 0; i < NH_KEY_WORDS; i++)
		a->nh_key[i] = get_le32(derived + 64 + i * 4);
	r = aes_init(&a->enc, derived, 1);
	if (r == 0)
		r = aes_init(&a->dec, derived, 0);
	wipe(derived, sizeof(derived));
	return r;
}

int adiantum_new(const uint8_t key[ADIANTUM_KEY_SIZE], unsigned rounds, struct adiantum **ret)
{
	if (rounds != 12 && rounds != 20)
		return -EINVAL;

	_cleanup_(adiantum_freep) struct adiantum *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	memcpy(a->key, key, sizeof(a->key));
	a->rounds = rounds;
	int r = derive_keys(a);
	if (r < 0)
		return r;
	*ret = take_ptr(a);
	return 0;
}

int adiantum_clone(const struct adiantum *a, struct adiantum **ret)
{
	return adiantum_new(a->key, a->rounds, ret);
}

/* The bulk of either direction: the stream's nonce is the middle value of the right side. */
static void crypt_bulk(const struct adiantum *a, unsigned __int128 middle, const uint8_t *src,
	uint8_t *dst, size_t size)
{
	uint8_t nonce[24] = {};

	put_number(nonce, middle);
	nonce[16] = 1;
	xchacha_xor(a, nonce, src, dst, size);
}

int adiantum_encrypt(struct adiantum *a, const uint8_t tweak[ADIANTUM_TWEAK_SIZE],
	const uint8_t *src, uint8_t *dst, size_t size)
{
	unsigned __int128 middle;

	if (size < BLOCK || size % BLOCK != 0)
		return -EINVAL;
	size -= BLOCK;

	unsigned __int128 hash = hash_tweak(a, tweak, size);
	int r = aes_block(a->enc, get_number(src + size) + hash + hash_bulk(a, src, size), &middle);
	if (r < 0)
		return r;
	crypt_bulk(a, middle, src, dst, size);
	put_number(dst + size, middle - hash - hash_bulk(a, dst, size));
	return 0;
}

int adiantum_decrypt(struct adiantum *a, const uint8_t tweak[ADIANTUM_TWEAK_SIZE],
	const uint8_t *src, uint8_t *dst, size_t size)
{
	unsigned __int128 right;

	if (size < BLOCK || size % BLOCK != 0)
		return -EINVAL;
	size -= BLOCK;

	unsigned __int128 hash = hash_tweak(a, tweak, size);
	unsigned __int128 middle = get_number(src + size) + hash + hash_bulk(a, src, size);
	int r = aes_block(a->dec, middle, &right);
	if (r < 0)
		return r;
	crypt_bulk(a, middle, src, dst, size);
	put_number(dst + size, right - hash - hash_bulk(a, dst, size));
	return 0;
}
