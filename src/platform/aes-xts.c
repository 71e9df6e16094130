/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A register has four blocks, and eight registers are under way at a time, which is 512 bytes and
 * enough to fill the time that a round takes. Block j of a sector has the tweak T * x^j, where T is
 * the encrypted IV, and 128-bit numbers are polynomials modulo x^128 + x^7 + x^2 + x + 1:
 *
 *	register   |        0        |        1        | ... |          7          |
 *	tweak T *  | 1   x  x^2  x^3 | x^4 x^5 x^6 x^7 | ... | x^28 x^29 x^30 x^31 |
 *
 * For the next 512 bytes each of them is multiplied by x^32.
 */

#include <errno.h>
#include <stdlib.h>

#include "aes-xts.h"
#include "cleanup.h"
#include "secret.h"

#if defined(__x86_64__)

#include <immintrin.h>

#define TARGET __attribute__((target("aes,vaes,vpclmulqdq,avx512f,avx512bw,avx512dq")))
#define INLINE TARGET static inline __attribute__((always_inline)) /* for constant arguments */

#define BLOCK	   16U
#define ROUNDS_MAX 14U
#define REGISTERS  8U
#define REGISTER   64U /* bytes */
#define REDUCTION  0x87

struct schedule {
	__m128i encrypt[ROUNDS_MAX + 1], decrypt[ROUNDS_MAX + 1];
	__m128i tweak[ROUNDS_MAX + 1];
	unsigned rounds;
};

struct aes_xts {
	struct secret *schedule; /* locked, and wiped when it is freed */
};

bool aes_xts_usable(void)
{
	const char *wanted = secure_getenv("DMSTACK_AES");

	return (!wanted || !streq(wanted, "libcrypto")) && __builtin_cpu_supports("aes") &&
	       __builtin_cpu_supports("vaes") && __builtin_cpu_supports("vpclmulqdq") &&
	       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq");
}

/* FIPS 197, 5.2: each word is xored with all before it in its group of four. */
TARGET static __m128i expand(__m128i group, __m128i word)
{
	group = _mm_xor_si128(group, _mm_slli_si128(group, 4));
	group = _mm_xor_si128(group, _mm_slli_si128(group, 8));
	return _mm_xor_si128(group, word);
}

/* One key becomes rounds + 1; step: how many round keys the key itself is. */
TARGET static void expand_key(__m128i *keys, const uint8_t *key, unsigned step, unsigned rounds)
{
	unsigned constant = 1;

	for (unsigned i = 0; i < step; i++)
		keys[i] = _mm_loadu_si128((const __m128i *)(key + (size_t)i * BLOCK));
	for (unsigned i = step; i <= rounds; i++) {
		__m128i word = _mm_aeskeygenassist_si128(keys[i - 1], 0);

		if (i % step == 0) {
			word = _mm_xor_si128(
				_mm_shuffle_epi32(word, 0xff), _mm_set1_epi32((int)constant));
			constant = constant << 1 ^ (constant >> 7) * 0x11b;
		} else {
			word = _mm_shuffle_epi32(word, 0xaa);
		}
		keys[i] = expand(keys[i - step], word);
	}
}

/* The equivalent inverse cipher of FIPS 197, 5.3.5. */
TARGET static void invert_key(__m128i *ret, const __m128i *keys, unsigned rounds)
{
	ret[0] = keys[rounds];
	for (unsigned i = 1; i < rounds; i++)
		ret[i] = _mm_aesimc_si128(keys[rounds - i]);
	ret[rounds] = keys[0];
}

static int make(struct aes_xts **ret, struct schedule **ret_schedule)
{
	_cleanup_free_ struct aes_xts *xts = calloc(1, sizeof(*xts));
	if (!xts)
		return -ENOMEM;
	int r = secret_new(sizeof(struct schedule), false, &xts->schedule);
	if (r < 0)
		return r;
	*ret_schedule = (struct schedule *)secret_bytes(xts->schedule);
	*ret = take_ptr(xts);
	return 0;
}

int aes_xts_new(const uint8_t *key, size_t key_size, struct aes_xts **ret)
{
	struct schedule *s;

	if (key_size != 32 && key_size != 64)
		return -EINVAL;
	int r = make(ret, &s);
	if (r < 0)
		return r;

	unsigned step = (unsigned)(key_size / 2 / BLOCK);
	s->rounds = step == 1 ? 10 : 14;
	expand_key(s->encrypt, key, step, s->rounds);
	expand_key(s->tweak, key + key_size / 2, step, s->rounds);
	invert_key(s->decrypt, s->encrypt, s->rounds);
	return 0;
}

int aes_xts_clone(const struct aes_xts *xts, struct aes_xts **ret)
{
	struct schedule *s;
	int r = make(ret, &s);

	if (r == 0)
		*s = *(const struct schedule *)secret_peek(xts->schedule);
	return r;
}

struct aes_xts *aes_xts_free(struct aes_xts *xts)
{
	if (xts)
		secret_free(xts->schedule);
	free(xts);
	return NULL;
}

/* Each 128-bit lane times x^count, of which both its halves have the count, below 64. */
INLINE __m512i times_x(__m512i t, __m512i count)
{
	const __m512i reduction = _mm512_set1_epi64(REDUCTION);
	__m512i over = _mm512_srlv_epi64(t, _mm512_sub_epi64(_mm512_set1_epi64(64), count));
	__m512i shifted = _mm512_sllv_epi64(t, count);

	/* What leaves the low half enters the high one; what leaves that one is reduced. */
	over = _mm512_shuffle_epi32(over, _MM_PERM_BADC);
	return _mm512_xor_si512(_mm512_mask_xor_epi64(shifted, 0xaa, shifted, over),
		_mm512_clmulepi64_epi128(over, reduction, 0x00));
}

INLINE __m512i times_x32(__m512i t)
{
	__m512i over = _mm512_bsrli_epi128(t, 12);

	return _mm512_xor_si512(_mm512_bslli_epi128(t, 4),
		_mm512_clmulepi64_epi128(over, _mm512_set1_epi64(REDUCTION), 0x00));
}

INLINE void first_tweaks(__m512i t[REGISTERS], __m128i first)
{
	const __m512i lanes = _mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0);

	for (unsigned i = 0; i < REGISTERS; i++)
		t[i] = times_x(_mm512_broadcast_i32x4(first),
			_mm512_add_epi64(lanes, _mm512_set1_epi64(4 * (long long)i)));
}

INLINE void crypt_blocks(__m512i b[REGISTERS], const __m128i *keys, unsigned rounds, bool encrypt)
{
	__m512i key = _mm512_broadcast_i32x4(keys[0]);

	for (unsigned i = 0; i < REGISTERS; i++)
		b[i] = _mm512_xor_si512(b[i], key);
	for (unsigned round = 1; round < rounds; round++) {
		key = _mm512_broadcast_i32x4(keys[round]);
		for (unsigned i = 0; i < REGISTERS; i++)
			b[i] = encrypt ? _mm512_aesenc_epi128(b[i], key)
				       : _mm512_aesdec_epi128(b[i], key);
	}
	key = _mm512_broadcast_i32x4(keys[rounds]);
	for (unsigned i = 0; i < REGISTERS; i++)
		b[i] = encrypt ? _mm512_aesenclast_epi128(b[i], key)
			       : _mm512_aesdeclast_epi128(b[i], key);
}

INLINE void crypt_sector(const struct schedule *s, __m128i tweak, const uint8_t *src, uint8_t *dst,
	size_t size, bool encrypt)
{
	const __m128i *keys = encrypt ? s->encrypt : s->decrypt;
	__m512i t[REGISTERS], b[REGISTERS];

	first_tweaks(t, tweak);
	for (size_t done = 0; done < size; done += AES_XTS_SECTOR_STEP) {
		for (unsigned i = 0; i < REGISTERS; i++)
			b[i] = _mm512_xor_si512(
				_mm512_loadu_si512(src + done + (size_t)i * REGISTER), t[i]);
		crypt_blocks(b, keys, s->rounds, encrypt);
		for (unsigned i = 0; i < REGISTERS; i++) {
			_mm512_storeu_si512(
				dst + done + (size_t)i * REGISTER, _mm512_xor_si512(b[i], t[i]));
			t[i] = times_x32(t[i]);
		}
	}
}

TARGET static __m128i encrypt_iv(const struct schedule *s, const uint8_t *iv)
{
	__m128i t = _mm_xor_si128(_mm_loadu_si128((const __m128i *)iv), s->tweak[0]);

	for (unsigned round = 1; round < s->rounds; round++)
		t = _mm_aesenc_si128(t, s->tweak[round]);
	return _mm_aesenclast_si128(t, s->tweak[s->rounds]);
}

/*
 * The tweak of the next sector is begun before this one, so that its rounds, each of which waits
 * for the one before, fill gaps.
 */
INLINE void crypt_sectors(const struct aes_xts *xts, const uint8_t *ivs, const uint8_t *src,
	uint8_t *dst, size_t size, size_t n, bool encrypt)
{
	const struct schedule *s = (const struct schedule *)secret_peek(xts->schedule);
	__m128i tweak;

	if (n == 0)
		return;
	tweak = encrypt_iv(s, ivs);
	for (size_t i = 0; i < n; i++) {
		__m128i next = encrypt_iv(s, ivs + MIN(i + 1, n - 1) * AES_XTS_IV_SIZE);

		crypt_sector(s, tweak, src + i * size, dst + i * size, size, encrypt);
		tweak = next;
	}
}

TARGET void aes_xts_encrypt(const struct aes_xts *xts, const uint8_t *ivs, const uint8_t *src,
	uint8_t *dst, size_t size, size_t n)
{
	crypt_sectors(xts, ivs, src, dst, size, n, true);
}

TARGET void aes_xts_decrypt(const struct aes_xts *xts, const uint8_t *ivs, const uint8_t *src,
	uint8_t *dst, size_t size, size_t n)
{
	crypt_sectors(xts, ivs, src, dst, size, n, false);
}

#else

bool aes_xts_usable(void)
{
	return false;
}

int aes_xts_new(
	_unused_ const uint8_t *key, _unused_ size_t key_size, _unused_ struct aes_xts **ret)
{
	return -EOPNOTSUPP;
}

int aes_xts_clone(_unused_ const struct aes_xts *xts, _unused_ struct aes_xts **ret)
{
	return -EOPNOTSUPP;
}

struct aes_xts *aes_xts_free(_unused_ struct aes_xts *xts)
{
	return NULL;
}

void aes_xts_encrypt(_unused_ const struct aes_xts *xts, _unused_ const uint8_t *ivs,
	_unused_ const uint8_t *src, _unused_ uint8_t *dst, _unused_ size_t size, _unused_ size_t n)
{
}

void aes_xts_decrypt(_unused_ const struct aes_xts *xts, _unused_ const uint8_t *ivs,
	_unused_ const uint8_t *src, _unused_ uint8_t *dst, _unused_ size_t size, _unused_ size_t n)
{
}

#endif
