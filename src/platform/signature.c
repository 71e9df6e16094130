/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signing and verifying with libcrypto.
 */

#include <string.h>

#include <openssl/bio.h>
#include <openssl/cms.h>
#include <openssl/err.h>
#include <openssl/store.h>
#include <openssl/ui.h>
#include <openssl/x509.h>

#include "cleanup.h"
#include "signature.h"

#define SIGN_FLAGS (CMS_BINARY | CMS_DETACHED | CMS_NOATTR | CMS_NOSMIMECAP)

struct signer {
	EVP_PKEY *key;
	X509 *certificate;
};

struct trust {
	X509_STORE *store;
	STACK_OF(X509) * certificates;
};

static void bio_freep(BIO **bio)
{
	BIO_free_all(*bio);
}

static void md_ctx_freep(EVP_MD_CTX **ctx)
{
	EVP_MD_CTX_free(*ctx);
}

static void cms_freep(CMS_ContentInfo **cms)
{
	CMS_ContentInfo_free(*cms);
}

/* What libcrypto says of its last failure; its queue is empty afterwards. */
static const char *complaint(void)
{
	const char *text = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return text ?: "libcrypto gives no reason";
}

/*
 * Calls take() for every object of the kind, which returns 1 to go on, 0 when it has enough, or an
 * error. The store is closed.
 */
static int store_run(OSSL_STORE_CTX *store, int kind,
	int (*take)(void *userdata, OSSL_STORE_INFO *info), void *userdata)
{
	int r = 1;

	while (r > 0 && !OSSL_STORE_eof(store)) {
		OSSL_STORE_INFO *info = OSSL_STORE_load(store);

		if (info && OSSL_STORE_INFO_get_type(info) == kind)
			r = take(userdata, info);
		OSSL_STORE_INFO_free(info);
	}
	(void)OSSL_STORE_close(store);
	ERR_clear_error();
	return r < 0 ? r : 0;
}

/* Nothing asks for a passphrase: a build has nobody to answer. */
static int store_each(const char *from, int kind,
	int (*take)(void *userdata, OSSL_STORE_INFO *info), void *userdata, struct diag *diag)
{
	OSSL_STORE_CTX *store = OSSL_STORE_open(from, UI_null(), NULL, NULL, NULL);

	if (!store)
		return diag_set(diag, -ENOENT, "cannot open %s: %s", from, complaint());
	return store_run(store, kind, take, userdata);
}

static int take_key(void *userdata, OSSL_STORE_INFO *info)
{
	struct signer *signer = userdata;

	signer->key = OSSL_STORE_INFO_get1_PKEY(info);
	return signer->key ? 0 : -ENOMEM;
}

static int take_certificate(void *userdata, OSSL_STORE_INFO *info)
{
	struct signer *signer = userdata;

	signer->certificate = OSSL_STORE_INFO_get1_CERT(info);
	return signer->certificate ? 0 : -ENOMEM;
}

struct signer *signer_free(struct signer *signer)
{
	if (!signer)
		return NULL;
	EVP_PKEY_free(signer->key);
	X509_free(signer->certificate);
	free(signer);
	return NULL;
}

int signer_new(const char *key, const char *certificate, struct signer **ret, struct diag *diag)
{
	_cleanup_(signer_freep) struct signer *signer = calloc(1, sizeof(*signer));
	int r;

	if (!signer)
		return -ENOMEM;
	r = store_each(key, OSSL_STORE_INFO_PKEY, take_key, signer, diag);
	if (r >= 0 && !signer->key)
		r = diag_set(diag, -ENOKEY, "%s has no private key that can be read", key);
	if (r >= 0 && certificate)
		r = store_each(certificate, OSSL_STORE_INFO_CERT, take_certificate, signer, diag);
	if (r >= 0 && certificate && !signer->certificate)
		r = diag_set(diag, -ENOKEY, "%s has no certificate", certificate);
	if (r >= 0 && certificate &&
		X509_check_private_key(signer->certificate, signer->key) != 1) {
		ERR_clear_error();
		r = diag_set(diag, -EKEYREJECTED, "the key %s is not that of the certificate %s",
			key, certificate);
	}
	if (r < 0)
		return r;
	*ret = take_ptr(signer);
	return 0;
}

int signature_make(const struct signer *signer, const void *data, size_t size,
	bool with_certificate, struct buf *ret, struct diag *diag)
{
	_cleanup_(bio_freep) BIO *in = size <= INT32_MAX ? BIO_new_mem_buf(data, (int)size) : NULL;
	_cleanup_(cms_freep) CMS_ContentInfo *cms = NULL;
	unsigned char *der = NULL;

	if (!in)
		return -ENOMEM;
	cms = CMS_sign(signer->certificate, signer->key, NULL, in,
		SIGN_FLAGS | (with_certificate ? 0U : CMS_NOCERTS));
	int len = cms ? i2d_CMS_ContentInfo(cms, &der) : -1;
	if (len < 0)
		return diag_set(diag, -EIO, "cannot sign: %s", complaint());
	buf_append(ret, der, (size_t)len);
	OPENSSL_free(der);
	return buf_error(ret);
}

static bool is_p256(const EVP_PKEY *key)
{
	char group[32];

	return EVP_PKEY_is_a(key, "EC") &&
	       EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) == 1 &&
	       OBJ_txt2nid(group) == NID_X9_62_prime256v1;
}

int signature_make_ecdsa(const struct signer *signer, const void *data, size_t size,
	struct ecdsa_signature *ret, struct diag *diag)
{
	_cleanup_(md_ctx_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t der[ECDSA_DER_MAX];
	size_t der_size = sizeof(der);

	if (!ctx)
		return -ENOMEM;
	if (!is_p256(signer->key))
		return diag_set(diag, -EKEYREJECTED, "the key is not one of the curve P-256");
	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, signer->key) != 1 ||
		EVP_DigestSign(ctx, der, &der_size, data, size) != 1)
		return diag_set(diag, -EIO, "cannot sign: %s", complaint());
	if (ecdsa_der_read(der, der_size, ret) < 0)
		return diag_set(diag, -EIO, "cannot sign: libcrypto gives another form");
	return 0;
}

struct trust *trust_free(struct trust *trust)
{
	if (!trust)
		return NULL;
	X509_STORE_free(trust->store);
	sk_X509_pop_free(trust->certificates, X509_free);
	free(trust);
	return NULL;
}

int trust_new(struct trust **ret)
{
	_cleanup_(trust_freep) struct trust *trust = calloc(1, sizeof(*trust));

	if (!trust)
		return -ENOMEM;
	trust->store = X509_STORE_new();
	trust->certificates = sk_X509_new_null();
	if (!trust->store || !trust->certificates)
		return -ENOMEM;
	/* A certificate is trusted because it is there, whoever issued it and when. */
	if (X509_STORE_set_flags(
		    trust->store, X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_NO_CHECK_TIME) != 1 ||
		X509_STORE_set_purpose(trust->store, X509_PURPOSE_ANY) != 1)
		return -ENOMEM;
	*ret = take_ptr(trust);
	return 0;
}

static int take_trusted(void *userdata, OSSL_STORE_INFO *info)
{
	struct trust *trust = userdata;
	X509 *certificate = OSSL_STORE_INFO_get1_CERT(info);

	if (!certificate || sk_X509_push(trust->certificates, certificate) <= 0) {
		X509_free(certificate);
		return -ENOMEM;
	}
	return X509_STORE_add_cert(trust->store, certificate) == 1 ? 1 : -ENOMEM;
}

/* before: how many there were. */
static int check_added(const struct trust *trust, int before, const char *name, struct diag *diag)
{
	if (sk_X509_num(trust->certificates) > before)
		return 0;
	return diag_set(diag, -EINVAL, "%s has no certificate", name);
}

int trust_add(struct trust *trust, const char *path, struct diag *diag)
{
	int before = sk_X509_num(trust->certificates);

	int r = store_each(path, OSSL_STORE_INFO_CERT, take_trusted, trust, diag);
	return r < 0 ? r : check_added(trust, before, path, diag);
}

int trust_add_data(
	struct trust *trust, const void *data, size_t size, const char *name, struct diag *diag)
{
	_cleanup_(bio_freep) BIO *in = size <= INT32_MAX ? BIO_new_mem_buf(data, (int)size) : NULL;
	OSSL_STORE_CTX *store = NULL;
	int before = sk_X509_num(trust->certificates);

	if (in)
		store = OSSL_STORE_attach(
			in, "file", NULL, NULL, UI_null(), NULL, NULL, NULL, NULL);
	if (!store)
		return diag_set(diag, -EIO, "cannot read %s: %s", name, complaint());
	int r = store_run(store, OSSL_STORE_INFO_CERT, take_trusted, trust);
	return r < 0 ? r : check_added(trust, before, name, diag);
}

bool trust_is_empty(const struct trust *trust)
{
	return sk_X509_num(trust->certificates) == 0;
}

int signature_verify(const struct trust *trust, const void *data, size_t size,
	const void *signature, size_t signature_size, struct diag *diag)
{
	const unsigned char *der = signature;
	_cleanup_(bio_freep) BIO *in = NULL;
	_cleanup_(cms_freep) CMS_ContentInfo *cms = NULL;

	if (signature_size > SIGNATURE_SIZE_MAX || size > INT32_MAX)
		return diag_set(diag, -EBADMSG, "too large for a signature");
	cms = d2i_CMS_ContentInfo(NULL, &der, (long)signature_size);
	/*
	 * Bytes behind it are not part of what was signed, and nobody should find a use for them.
	 */
	if (!cms || der != (const unsigned char *)signature + signature_size) {
		ERR_clear_error();
		return diag_set(diag, -EBADMSG, "not a CMS signature");
	}
	in = BIO_new_mem_buf(data, (int)size);
	if (!in)
		return -ENOMEM;
	if (CMS_verify(cms, trust->certificates, trust->store, in, NULL,
		    CMS_BINARY | CMS_DETACHED) != 1)
		return diag_set(diag, -EKEYREJECTED, "the signature is not valid: %s", complaint());
	return 0;
}
