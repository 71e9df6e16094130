/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The header of LUKS2, "LUKS2 On-Disk Format Specification" 1.1.1: bytes <-> struct. There are two
 * copies, one behind the other, each of header_size bytes (integers are big-endian):
 *
 *	| binary header, 4096 bytes | JSON text, NUL, zeros |
 *
 *	  0 magic  6 version  8 header_size  16 seqid  24 label  72 checksum algorithm
 *	  104 salt  168 UUID  208 subsystem  256 own offset  448 checksum of both parts
 *
 * Behind the second copy come the areas of the keyslots, keyslots_size bytes.
 */

#include "buf.h"
#include "diag.h"
#include "macro.h"

#define LUKS2_BINARY_SIZE     4096U
#define LUKS2_HEADER_SIZE_MIN 16384U
#define LUKS2_HEADER_SIZE_MAX (4U << 20)
#define LUKS2_KEYSLOTS_MAX    32U
#define LUKS2_DIGESTS_MAX     8U
#define LUKS2_SALT_MAX	      64U
#define LUKS2_TOKENS_MAX      32U
#define LUKS2_STRIPES	      4000U
/*
 * What a header may ask for, since anybody can have written it: of PBKDF2, about a minute; of
 * Argon2, passes times KiB, a few minutes. cryptsetup makes keyslots of some seconds.
 */
#define LUKS2_ITERATIONS_MAX  (UINT32_C(1) << 28)
#define LUKS2_ARGON2_COST_MAX (UINT64_C(1) << 28)

/* In place of the number of a keyslot. */
#define LUKS2_ANY_KEYSLOT (-1)
#define LUKS2_NO_KEYSLOT  (-2) /* the volume key itself is given */

enum luks2_kdf_type { LUKS2_PBKDF2, LUKS2_ARGON2I, LUKS2_ARGON2ID };

/* Made from a passphrase. Limits are those of cryptsetup, so that a header cannot ask for more. */
struct luks2_kdf {
	enum luks2_kdf_type type;
	char hash[32];	      /* PBKDF2 */
	uint32_t iterations;  /* PBKDF2; ARGON2: passes over the memory */
	uint32_t memory_kib;  /* ARGON2 */
	uint32_t parallelism; /* ARGON2: threads */
	uint8_t salt[LUKS2_SALT_MAX];
	size_t salt_size;
};

struct luks2_keyslot {
	unsigned id;
	unsigned priority; /* 0: only if it is asked for by number; 1; 2: tried first */
	uint32_t key_size; /* bytes of the volume key */
	uint32_t stripes;
	char af_hash[32];
	uint64_t area_offset; /* bytes on the device with the header */
	uint64_t area_size;
	char area_cipher[64];
	uint32_t area_key_size; /* bytes of what the KDF makes */
	struct luks2_kdf kdf;
};

/* PBKDF2 of the volume key. */
struct luks2_digest {
	unsigned id;
	char hash[32];
	uint32_t iterations;
	uint8_t salt[LUKS2_SALT_MAX];
	size_t salt_size;
	uint8_t digest[64];
	size_t digest_size;
	uint32_t keyslots; /* bit n: keyslot n */
	bool has_segment;  /* it is about the key of the data */
};

/* The data. More than one segment, or one that is not "crypt", is not taken. */
struct luks2_segment {
	uint64_t offset; /* bytes */
	uint64_t size;	 /* bytes; 0: to the end of the device ("dynamic") */
	uint64_t iv_tweak;
	char cipher[128];
	uint32_t sector_size;
	char integrity[64];	     /* "hmac(sha256)", "aead", "poly1305" ...; "" without */
	uint32_t integrity_key_size; /* bytes; 0: the default */
};

/* How something else than a passphrase opens keyslots. What more there is to it, its program knows. */
struct luks2_token {
	unsigned id;
	char type[64];
	uint32_t keyslots; /* bit n: keyslot n */
};

struct luks2 {
	uint64_t header_size; /* bytes of one copy */
	uint64_t seqid;
	char label[49], subsystem[49];
	char uuid[41];
	uint64_t keyslots_size; /* bytes */
	struct luks2_keyslot keyslots[LUKS2_KEYSLOTS_MAX];
	size_t n_keyslots;
	struct luks2_digest digests[LUKS2_DIGESTS_MAX];
	size_t n_digests;
	struct luks2_segment segment;
	struct luks2_token tokens[LUKS2_TOKENS_MAX];
	size_t n_tokens;
	bool is_second; /* the first copy is broken */
};

/*
 * Looks for the better copy. data begins where the header does; size is as much as there is.
 * Returns 0; or 1 if *ret_wanted bytes are needed, unless ret_wanted is NULL since there are no more.
 * -ENODATA: no LUKS2 header, or one of another version; -EUCLEAN: both copies are broken; -EOPNOTSUPP: it asks for
 * what is not here (reencryption, several segments, a requirement). ret is 15 KiB.
 */
int luks2_decode(const uint8_t *data, size_t size, struct luks2 *ret, size_t *ret_wanted,
	struct diag *diag) _must_check_;

/*
 * Both copies, 2 * header_size bytes. tokens: the members of the object "tokens", or NULL.
 * -EFBIG: the JSON text does not fit.
 */
struct luks2_image {
	const struct luks2 *header;
	const char *tokens;
	uint8_t salts[2][64]; /* random: a different one in each copy */
};
int luks2_encode(const struct luks2_image *image, uint8_t *ret) _must_check_;

/* luks2-json.c: the JSON text. label: for messages. */
int luks2_json_decode(
	const char *text, size_t size, struct luks2 *ret, struct diag *diag) _must_check_;
void luks2_json_encode(const struct luks2 *header, const char *tokens, struct buf *buf);

/* Bytes of an area that holds a key of so many bytes. */
static inline uint64_t luks2_area_size(uint32_t key_size)
{
	return ((uint64_t)key_size * LUKS2_STRIPES + 4095) / 4096 * 4096;
}

/*
 * One token as such, an object: -EINVAL if it has no type or no list of keyslots, or is none of
 * those that cryptsetup knows itself. ret->id is left alone.
 */
int luks2_token_decode(
	const char *text, size_t size, struct luks2_token *ret, struct diag *diag) _must_check_;

/* "argon2id" ... */
extern const char *const luks2_kdf_words[];
/* "ignore", "normal", "prefer": cryptsetup's words for the priorities of keyslots. */
extern const char *const luks2_priority_words[];
