/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * PBKDF2 comes from libcrypto. Argon2 comes from there too where it has it (OpenSSL 3.2 and later),
 * else from libargon2. Both are asked for at run time: a program that was built with an older
 * libcrypto uses a newer one, and an initrd without libargon2 still starts.
 */

#include "kdf.h"

#include <dlfcn.h>
#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <unistd.h>
#if HAVE_LIBARGON2
#include <argon2.h>
#endif

#include "cleanup.h"

/* OSSL_KDF_PARAM_ARGON2_LANES and its sisters, which the headers of 3.0 do not have. */
#define PARAM_PASSES  "iter"
#define PARAM_MEMORY  "memcost"
#define PARAM_LANES   "lanes"
#define PARAM_THREADS "threads"

static int argon2_by_libcrypto(
	const struct luks2_kdf *kdf, const struct secret *passphrase, uint8_t *ret, size_t size)
{
	const char *name = kdf->type == LUKS2_ARGON2I ? "ARGON2I" : "ARGON2ID";
	uint32_t passes = kdf->iterations, memory = kdf->memory_kib, lanes = kdf->parallelism;
	/* More threads than one want a pool that the library does not have by itself. */
	uint32_t threads = 1;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_PASSWORD,
			(void *)secret_peek(passphrase), secret_size(passphrase)),
		OSSL_PARAM_construct_octet_string(
			OSSL_KDF_PARAM_SALT, (void *)kdf->salt, kdf->salt_size),
		OSSL_PARAM_construct_uint32(PARAM_PASSES, &passes),
		OSSL_PARAM_construct_uint32(PARAM_MEMORY, &memory),
		OSSL_PARAM_construct_uint32(PARAM_LANES, &lanes),
		OSSL_PARAM_construct_uint32(PARAM_THREADS, &threads),
		OSSL_PARAM_construct_end(),
	};
	EVP_KDF *algorithm = EVP_KDF_fetch(NULL, name, NULL);
	EVP_KDF_CTX *context;
	int ok;

	if (!algorithm)
		return -EOPNOTSUPP;
	context = EVP_KDF_CTX_new(algorithm);
	EVP_KDF_free(algorithm);
	if (!context)
		return -ENOMEM;
	ok = EVP_KDF_derive(context, ret, size, params);
	EVP_KDF_CTX_free(context);
	return ok == 1 ? 0 : -ENOMEM;
}

#if HAVE_LIBARGON2
typedef int (*argon2_function)(argon2_context *context, argon2_type type);

/* NULL: the library is not there. It stays loaded, since it may have threads. */
static argon2_function libargon2(void)
{
	void *library = dlopen("libargon2.so.1", RTLD_NOW | RTLD_NODELETE);
	argon2_function function = NULL;

	if (library) {
		*(void **)&function = dlsym(library, "argon2_ctx");
		(void)dlclose(library);
	}
	return function;
}

static int argon2_by_libargon2(
	const struct luks2_kdf *kdf, const struct secret *passphrase, uint8_t *ret, size_t size)
{
	argon2_context context = {
		.out = ret,
		.outlen = (uint32_t)size,
		.pwd = (uint8_t *)secret_peek(passphrase),
		.pwdlen = (uint32_t)secret_size(passphrase),
		.salt = (uint8_t *)kdf->salt,
		.saltlen = (uint32_t)kdf->salt_size,
		.t_cost = kdf->iterations,
		.m_cost = kdf->memory_kib,
		.lanes = kdf->parallelism,
		.threads = kdf->parallelism,
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	argon2_function function = libargon2();
	int r;

	if (!function)
		return -EOPNOTSUPP;
	r = function(&context, kdf->type == LUKS2_ARGON2I ? Argon2_i : Argon2_id);
	if (r == ARGON2_MEMORY_ALLOCATION_ERROR)
		return -ENOMEM;
	return r == ARGON2_OK ? 0 : -EINVAL;
}
#endif

bool kdf_has_argon2(void)
{
	EVP_KDF *algorithm = EVP_KDF_fetch(NULL, "ARGON2ID", NULL);
	bool has = algorithm != NULL;

	EVP_KDF_free(algorithm);
#if HAVE_LIBARGON2
	has = has || libargon2();
#endif
	return has;
}

static uint64_t physical_kib(void)
{
	long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);

	return pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 1024 : UINT64_MAX;
}

static int argon2(const struct luks2_kdf *kdf, const struct secret *passphrase, uint8_t *ret,
	size_t size, struct diag *diag)
{
	int r = -ENOMEM;

	/* Asked for more, the system says yes and kills somebody later. */
	if (kdf->memory_kib <= physical_kib())
		r = argon2_by_libcrypto(kdf, passphrase, ret, size);

#if HAVE_LIBARGON2
	if (r == -EOPNOTSUPP)
		r = argon2_by_libargon2(kdf, passphrase, ret, size);
#endif
	if (r == -EOPNOTSUPP)
		return diag_set(diag, r,
			"Argon2 needs libcrypto 3.2 or libargon2, and neither is here; a keyslot "
			"with pbkdf2 can be used");
	if (r == -ENOMEM)
		return diag_set(diag, r, "there are not the %u KiB that Argon2 needs here",
			kdf->memory_kib);
	return r < 0 ? diag_set(diag, r, "Argon2 does not take these parameters") : 0;
}

static int pbkdf2(const struct luks2_kdf *kdf, const struct secret *passphrase, uint8_t *ret,
	size_t size, struct diag *diag)
{
	EVP_MD *md = EVP_MD_fetch(NULL, kdf->hash, NULL);
	int ok;

	if (!md)
		return diag_set(diag, -EOPNOTSUPP, "libcrypto has no hash \"%s\"", kdf->hash);
	ok = PKCS5_PBKDF2_HMAC((const char *)secret_peek(passphrase), (int)secret_size(passphrase),
		kdf->salt, (int)kdf->salt_size, (int)kdf->iterations, md, (int)size, ret);
	EVP_MD_free(md);
	return ok == 1 ? 0 : diag_set(diag, -EIO, "libcrypto failed at PBKDF2");
}

int kdf_derive(const struct luks2_kdf *kdf, const struct secret *passphrase, uint8_t *ret,
	size_t size, struct diag *diag)
{
	return kdf->type == LUKS2_PBKDF2 ? pbkdf2(kdf, passphrase, ret, size, diag)
					 : argon2(kdf, passphrase, ret, size, diag);
}
