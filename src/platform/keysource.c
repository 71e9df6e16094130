/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * One function for each place that a key can come from.
 */

#include "keysource.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "hex.h"
#include "keyring.h"
#include "program.h"
#include "seal-key.h"
#include "terminal.h"

/* More than a key may have, so that one that is too long is noticed and not cut. */
#define READ_MAX (2 * KEY_SIZE_MAX + 2)

static int read_fd(int fd, const char *path, struct secret **ret, struct diag *diag)
{
	int r = secret_read(fd, READ_MAX, true, ret);

	if (r == -ENODATA)
		return diag_set(diag, r, "the key file %s is empty", path);
	if (r == -EFBIG)
		return diag_set(diag, r, "the key file %s is larger than a key can be (%d bytes)",
			path, KEY_SIZE_MAX);
	if (r == -EPERM || r == -ENOMEM)
		return diag_set(diag, r, "no locked memory for the key: %s", strerror(-r));
	if (r < 0)
		return diag_set(diag, r, "cannot read the key file %s: %s", path, strerror(-r));
	return 0;
}

static int fetch_file(const struct key_request *request, struct secret **ret, struct diag *diag)
{
	const char *path = request->ref->value;
	_cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return diag_set(
			diag, -errno, "cannot open the key file %s: %s", path, strerror(errno));
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return diag_set(diag, -EINVAL, "the key file %s is not a regular file", path);
	if (request->sealed && (st.st_mode & 0077))
		return diag_set(diag, -EPERM,
			"the key file %s can be used by others (mode %04o); the sealed phase "
			"wants 0600 or stricter",
			path, (unsigned)st.st_mode & 07777);
	return read_fd(fd, path, ret, diag);
}

/* The folders of systemd.exec(5) after the unit's own, which comes by the environment. */
static const char *const credential_folders[] = {
	"/run/credentials/@system",
	"/etc/credstore",
	"/run/credstore",
	"/usr/local/lib/credstore",
	"/usr/lib/credstore",
};

static int open_in(const char *folder, const char *name, char path[static 4096])
{
	int n = snprintf(path, 4096, "%s/%s", folder, name);

	if (n < 0 || n >= 4096)
		return -ENAMETOOLONG;

	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

	return fd < 0 ? -errno : fd;
}

static int fetch_credential(
	const struct key_request *request, struct secret **ret, struct diag *diag)
{
	const char *name = request->ref->value, *own = getenv("CREDENTIALS_DIRECTORY");
	_cleanup_close_ int fd = -ENOENT;
	char path[4096];

	if (!*name || *name == '.' || strchr(name, '/'))
		return diag_set(diag, -EINVAL, "\"%s\" is no name of a credential", name);
	if (own && *own == '/')
		fd = open_in(own, name, path);
	for (size_t i = 0; fd == -ENOENT && i < ARRAY_SIZE(credential_folders); i++)
		fd = open_in(credential_folders[i], name, path);

	if (fd == -ENOENT)
		return diag_set(diag, -ENOKEY,
			"there is no credential \"%s\" in $CREDENTIALS_DIRECTORY, "
			"/run/credentials/@system or the credstore folders",
			name);
	if (fd < 0)
		return diag_set(
			diag, fd, "cannot open the credential \"%s\": %s", name, strerror(-fd));
	return read_fd(fd, path, ret, diag);
}

/*
 * What a person types is hex if it has twice as many digits as the key has bytes, else it is the
 * key.
 */
static int answer_decode(struct secret **answer, size_t size)
{
	_cleanup_(secret_freep) struct secret *bytes = NULL;
	int r;

	if (size == 0 || secret_size(*answer) != 2 * size)
		return 0;
	r = secret_new(size, true, &bytes);
	if (r < 0)
		return r;
	r = hex_decode((const char *)secret_peek(*answer), secret_bytes(bytes), size);
	if (r < 0)
		return 0;
	(void)!secret_free(*answer);
	*answer = take_ptr(bytes);
	return 0;
}

/* By way of the password agents of systemd, and on a terminal that is stdin. */
static int ask_agents(const struct key_request *request, uint64_t timeout_usec,
	const char *question, struct secret **ret)
{
	static const char *const path = "/usr/bin/systemd-ask-password";
	char id[160], timeout[64];

	(void)snprintf(id, sizeof(id), "--id=dmstack:%s", request->name);
	(void)snprintf(timeout, sizeof(timeout), "--timeout=%ju",
		timeout_usec == 0 ? (uintmax_t)0 : (uintmax_t)(timeout_usec / 1000000 ?: 1));

	const char *const argv[] = { "systemd-ask-password", "--icon=drive-harddisk", id, timeout,
		question, NULL };

	return program_read(path, argv, READ_MAX, ret);
}

/* In an initrd of scripts: there is no controlling terminal, so the console it is. */
static int ask_terminal(uint64_t timeout_usec, const char *question, struct secret **ret)
{
	_cleanup_close_ int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

	if (fd < 0)
		fd = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd < 0 ? -errno : terminal_ask(fd, question, timeout_usec, ret);
}

static int fetch_ask(const struct key_request *request, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *answer = NULL;
	const uint64_t timeout_usec =
		request->timeout_usec == UINT64_MAX ? 0 : request->timeout_usec;
	char question[160];
	int r;

	(void)snprintf(question, sizeof(question), "Key for %s: ", request->name);
	/* As sd_booted(3) tells. */
	if (access("/run/systemd/system", F_OK) >= 0)
		r = ask_agents(request, timeout_usec, question, &answer);
	else
		r = ask_terminal(timeout_usec, question, &answer);
	if (r < 0)
		return diag_set(
			diag, r, "nobody gave the key for \"%s\": %s", request->name, strerror(-r));

	size_t n = secret_size(answer);

	if (n > 0 && secret_peek(answer)[n - 1] == '\n')
		secret_truncate(answer, n - 1);
	r = answer_decode(&answer, request->size);
	if (r < 0)
		return r;
	*ret = take_ptr(answer);
	return 0;
}

/* What "dmstack unseal" left; the TPM is asked once a boot, for all keys. */
static int fetch_tpm2(const struct key_request *request, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *payload = NULL;
	char description[TPM2_KEY_DESCRIPTION_SIZE];
	int r;

	if (tpm2_key_description(request->ref->value, description) < 0)
		return diag_set(diag, -ENAMETOOLONG, "the label \"%s\" of a key is too long",
			request->ref->value);
	r = keyring_read_published(description, KEY_SIZE_MAX + 1, &payload, NULL);
	if (r == -ENOKEY || r == -EKEYREVOKED || r == -EKEYEXPIRED)
		return diag_set(diag, -ENOKEY,
			"the key tpm2:%s is not there: dmstack-unseal.service did not put it, or "
			"dmstack-cap.service took it away already",
			request->ref->value);
	if (r < 0)
		return diag_set(diag, r, "cannot read the key tpm2:%s: %s", request->ref->value,
			strerror(-r));
	r = seal_key_use(payload, request->size, ret);
	if (r == -EBUSY)
		return diag_set(diag, r,
			"what has the key tpm2:%s is being re-keyed, and that was interrupted: "
			"\"dmstack rekey\" goes on with it",
			request->ref->value);
	if (r == -EBADMSG)
		return diag_set(diag, r, "what the keyring holds as tpm2:%s is no key of the seal",
			request->ref->value);
	return r;
}

static int fetch(const struct key_request *request, struct secret **ret, struct diag *diag)
{
	const char *value = request->ref->value;

	switch (request->ref->kind) {
	case KEYREF_FILE:
		return fetch_file(request, ret, diag);
	case KEYREF_CREDENTIAL:
		return fetch_credential(request, ret, diag);
	case KEYREF_KEYRING:
		return keyring_read(value, READ_MAX, ret, diag);
	case KEYREF_TPM2:
		return fetch_tpm2(request, ret, diag);
	case KEYREF_ASK:
		if (request->sealed)
			return diag_set(
				diag, -EPERM, "nobody is asked for a key in the sealed phase");
		return fetch_ask(request, ret, diag);
	case KEYREF_NONE:
	case _KEYREF_KIND_MAX:
		break;
	}
	return diag_set(diag, -ENOKEY, "no key is configured");
}

int tpm2_key_description(const char *label, char ret[TPM2_KEY_DESCRIPTION_SIZE])
{
	int n = snprintf(ret, TPM2_KEY_DESCRIPTION_SIZE, TPM2_KEY_PREFIX "%s", label);

	return n < 0 || n >= TPM2_KEY_DESCRIPTION_SIZE ? -ENAMETOOLONG : 0;
}

int key_fetch(const struct key_request *request, struct secret **ret, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *key = NULL;
	int r;

	r = fetch(request, &key, diag);
	if (r < 0)
		return r;

	size_t size = secret_size(key);

	if (request->size > 0 && size != request->size)
		return diag_set(diag, -EKEYREJECTED,
			"the key for \"%s\" has %zu bytes where %zu are needed", request->name,
			size, request->size);
	if (size == 0 || size > KEY_SIZE_MAX)
		return diag_set(diag, -EKEYREJECTED,
			"the key for \"%s\" has %zu bytes, and 1 to %d are possible", request->name,
			size, KEY_SIZE_MAX);
	*ret = take_ptr(key);
	return 0;
}
