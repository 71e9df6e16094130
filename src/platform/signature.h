/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Detached signatures: CMS (RFC 5652), DER, over the bytes as they are and without signed
 * attributes, so that no time gets in. openssl-cms(1) verifies them, and so does the kernel where
 * it wants PKCS#7.
 */

#include "buf.h"
#include "diag.h"
#include "ecdsa-der.h"
#include "macro.h"

#define SIGNATURE_SIZE_MAX 65536 /* bytes that one may have */

struct signer;

/*
 * key, certificate: a PEM or DER file, or a URI that libcrypto's providers know (pkcs11:...).
 * certificate NULL: signature_make() is not going to be called. -ENOKEY: none is there. -EKEYREJECTED: key and certificate do not belong together.
 */
int signer_new(const char *key, const char *certificate, struct signer **ret,
	struct diag *diag) _must_check_;
struct signer *signer_free(struct signer *signer);

/* with_certificate: put the certificate into the signature; the kernel has its own. */
int signature_make(const struct signer *signer, const void *data, size_t size,
	bool with_certificate, struct buf *ret, struct diag *diag) _must_check_;

/* ECDSA with SHA-256, as a TPM verifies it. -EKEYREJECTED: the key is not one of P-256. */
int signature_make_ecdsa(const struct signer *signer, const void *data, size_t size,
	struct ecdsa_signature *ret, struct diag *diag) _must_check_;

/* Certificates that are trusted by themselves, whatever signed them. */
struct trust;

/* An empty one. */
int trust_new(struct trust **ret) _must_check_;
/* All certificates of a PEM or DER file. -EINVAL: there is none. */
int trust_add(struct trust *trust, const char *path, struct diag *diag) _must_check_;
/* The same for the content of a file; name is for messages. */
int trust_add_data(struct trust *trust, const void *data, size_t size, const char *name,
	struct diag *diag) _must_check_;
bool trust_is_empty(const struct trust *trust);
struct trust *trust_free(struct trust *trust);

/*
 * -EBADMSG: not a signature. -EKEYREJECTED: not of these bytes, or not by a trusted key. The
 * validity times of certificates are not looked at: an initrd has no clock to trust.
 */
int signature_verify(const struct trust *trust, const void *data, size_t size,
	const void *signature, size_t signature_size, struct diag *diag) _must_check_;

static inline void signer_freep(struct signer **p)
{
	if (*p)
		*p = signer_free(*p);
}

static inline void trust_freep(struct trust **p)
{
	if (*p)
		*p = trust_free(*p);
}
