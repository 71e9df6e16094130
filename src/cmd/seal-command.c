/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Between the verbs and the seal.
 */

#include "seal-command.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "bytes.h"
#include "fd.h"
#include "keyring.h"
#include "keysource.h"
#include "log.h"
#include "memory.h"
#include "qr.h"
#include "seal-key.h"

#define KEY_FOLDER "/etc/dmstack/keys"
/* How long a key waits in the keyring to be used, if nobody takes it away before. */
#define KEY_SECONDS 900
#define BLANK_SIZE  65536 /* bytes of a device that have to be zero */

void seal_command_done(struct seal_command *command)
{
	(void)seal_session_close(command->session);
	free(command->labels);
	config_report_done(&command->report);
	stack_done(&command->stack);
}

static bool has_label(const struct seal_command *command, const char *label)
{
	for (size_t i = 0; i < command->n_labels; i++)
		if (streq(command->labels[i], label))
			return true;
	return false;
}

static int labels_collect(struct seal_command *command)
{
	const struct stack *stack = &command->stack;

	command->labels = calloc(stack->n_layers * LAYER_KEYS_MAX + 1, sizeof(*command->labels));
	if (!command->labels)
		return -ENOMEM;
	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct keyref *keys[LAYER_KEYS_MAX];
		size_t n = layer_keys(stack->layers[i], keys);

		for (size_t j = 0; j < n; j++)
			if (keys[j]->kind == KEYREF_TPM2 && !has_label(command, keys[j]->value))
				command->labels[command->n_labels++] = keys[j]->value;
	}
	return 0;
}

int seal_command_load(struct seal_command *ret, struct diag *diag)
{
	const struct config_request request = { .level = LOG_LEVEL_WARNING };
	int r;

	memory_lock();
	r = config_load_report(&request, &ret->stack, &ret->report);
	if (r < 0)
		return r;
	ret->is_known = true;
	if (!ret->stack.seal)
		return diag_set(diag, -ENOENT, "no seal is configured%s",
			ret->report.n_errors > 0 ? ", and the configuration has errors" : "");
	if (ret->stack.seal->broken)
		return diag_set(diag, -EINVAL, "%s: the seal cannot be used: %s",
			ret->stack.seal->where ?: "?",
			ret->stack.seal->error.what ?: "its place is not known");
	return labels_collect(ret);
}

int seal_command_open(struct seal_command *command, struct diag *diag)
{
	uint8_t digest[SHA256_SIZE];
	int r = command->is_known ? 0 : seal_command_load(command, diag);

	if (r < 0)
		return r;
	r = seal_session_open(command->stack.seal, &command->session, diag);
	if (r != 0)
		return r;
	load_files_digest(&command->report.files, digest);
	return seal_measure(command->session, digest, diag);
}

static int fetch(enum keyref_kind kind, const char *value, const char *name, struct secret **ret,
	struct diag *diag)
{
	const struct keyref ref = { .kind = kind, .value = (char *)value };
	const struct key_request request = { .ref = &ref, .name = name };

	return key_fetch(&request, ret, diag);
}

/* An editor ends a file with a newline, and no PIN has one, but one in 256 keys. */
static int fetch_pin(enum keyref_kind kind, const char *value, const char *question,
	struct secret **ret, struct diag *diag)
{
	int r = fetch(kind, value, question, ret, diag);
	size_t size = r < 0 ? 0 : secret_size(*ret);

	if (size > 1 && secret_peek(*ret)[size - 1] == '\n')
		secret_truncate(*ret, size - 1);
	return r;
}

struct pin_source {
	const char *credential;
	const char *question;
};

static int pin_get(void *userdata, unsigned attempt, struct secret **ret, struct diag *diag)
{
	const struct pin_source *source = userdata;
	int r = fetch_pin(KEYREF_CREDENTIAL, source->credential, source->question, ret, NULL);

	if (r != -ENOKEY)
		return attempt == 0 ? r : -ENOKEY;
	return fetch_pin(KEYREF_ASK, NULL, source->question, ret, diag);
}

static struct pin_source pin_present = { "dmstack.pin", "the TPM (PIN)" };
static struct pin_source pin_new = { "dmstack.new-pin", "the TPM (new PIN)" };
const struct seal_pins seal_pins_present = { pin_get, &pin_present };
const struct seal_pins seal_pins_new = { pin_get, &pin_new };

int seal_ask_recovery(struct secret **ret, struct diag *diag)
{
	static struct pin_source source = { "dmstack.recovery", "the machine (recovery key)" };
	_cleanup_(secret_freep) struct secret *text = NULL;
	int r = pin_get(&source, 0, &text, diag);

	return r < 0 ? r : seal_recovery_parse(text, ret, diag);
}

static int kept_key_load(const char *label, struct secret **ret, struct diag *diag)
{
	char name[sizeof(KEY_FOLDER) + 256];
	int r;

	(void)snprintf(name, sizeof(name), "dmstack.%s", label);
	r = fetch(KEYREF_CREDENTIAL, name, label, ret, NULL);
	if (r != -ENOKEY)
		return r < 0 ? diag_set(diag, r, "the credential %s is no key: %s", name,
				       strerror(-r))
			     : 1;
	(void)snprintf(name, sizeof(name), "%s/%s", KEY_FOLDER, label);
	if (access(name, F_OK) < 0)
		return 0;
	r = fetch(KEYREF_FILE, name, label, ret, diag);
	return r < 0 ? r : 1;
}

/*
 * The keys that images were made with: credentials dmstack.LABEL, or /etc/dmstack/keys/LABEL.
 * Labels without one get a key from the root secret.
 */
static int kept_keys_load(
	const struct seal_command *command, struct seal_kept_keys *ret, struct diag *diag)
{
	_cleanup_(seal_kept_keys_done) struct seal_kept_keys keys = {};

	keys.items = calloc(command->n_labels + 1, sizeof(*keys.items));
	if (!keys.items)
		return -ENOMEM;
	for (size_t i = 0; i < command->n_labels; i++) {
		int r = kept_key_load(command->labels[i], &keys.items[keys.n].key, diag);

		if (r < 0)
			return r;
		if (r > 0)
			keys.items[keys.n++].label = command->labels[i];
	}
	*ret = keys;
	keys = (struct seal_kept_keys){};
	return 0;
}

static bool is_kept(const struct seal_kept_keys *keys, const char *label)
{
	for (size_t i = 0; i < keys->n; i++)
		if (streq(keys->items[i].label, label))
			return true;
	return false;
}

static int device_check_blank(
	const struct devref *ref, const struct layer *layer, struct diag *diag)
{
	_cleanup_free_ char *path = devref_path(ref);
	_cleanup_free_ uint8_t *data = malloc(BLANK_SIZE);
	_cleanup_close_ int fd = -EBADF;
	int r;

	if (!path || !data)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return diag_set(diag, -errno, "cannot open %s, which \"%s\" stands on: %s", path,
			layer->name, strerror(errno));
	r = fd_pread_full(fd, data, BLANK_SIZE, 0);
	if (r < 0)
		return diag_set(diag, r, "cannot read %s: %s", path, strerror(-r));
	if (!bytes_are_zero(data, BLANK_SIZE))
		return tpm_state_set(TPM_STATE_RESET_REQUIRED,
			"a device that would get a new key is not blank", diag);
	return 0;
}

static int layer_check_blank(
	const struct seal_command *command, struct layer *layer, struct diag *diag)
{
	_cleanup_free_ struct layer **below = NULL;
	size_t n;
	int r = stack_order(&command->stack, layer, &below, &n);

	for (size_t i = 0; r == 0 && i < n; i++)
		for (size_t j = 0; r == 0 && j < below[i]->n_devices; j++)
			if (!below[i]->devices[j].layer)
				r = device_check_blank(&below[i]->devices[j].ref, layer, diag);
	return r;
}

static int check_blank(
	const struct seal_command *command, const struct seal_kept_keys *kept, struct diag *diag)
{
	for (size_t i = 0; i < command->stack.n_layers; i++) {
		struct layer *layer = command->stack.layers[i];
		const struct keyref *keys[LAYER_KEYS_MAX];
		size_t n = layer_keys(layer, keys);

		for (size_t j = 0; j < n; j++) {
			if (keys[j]->kind != KEYREF_TPM2 || is_kept(kept, keys[j]->value))
				continue;
			int r = layer_check_blank(command, layer, diag);

			if (r != 0)
				return r;
		}
	}
	return 0;
}

/* Never to standard output by itself: that of a service is the journal. */
static int recovery_open(const char *path, bool is_file, struct diag *diag)
{
	int fd = is_file ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)
			 : open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);

	return fd < 0 ? diag_set(diag, -errno, "cannot show the recovery key on %s: %s", path,
				strerror(errno))
		      : fd;
}

/* The code is of the text as it is typed. */
static int recovery_write_qr(int fd, const struct secret *text, struct diag *diag)
{
	_cleanup_(secret_freep) struct secret *code = NULL;
	int r = qr_make(text, &code, diag);

	return r < 0 ? r : fd_write_full(fd, secret_peek(code), secret_size(code));
}

static int recovery_show(
	const struct secret *recovery, const struct seal_recovery_output *to, struct diag *diag)
{
	static const char head[] = "\nThe recovery key of this machine, shown this once:\n";
	_cleanup_(secret_freep) struct secret *text = NULL;
	_cleanup_close_ int fd = -EBADF;
	const char *path = to->file ?: isatty(STDIN_FILENO) ? "/dev/tty" : "/dev/console";
	int r = seal_recovery_text(recovery, &text);

	if (r < 0)
		return r;
	fd = recovery_open(path, to->file, diag);
	if (fd < 0)
		return fd;
	if (!to->file)
		r = fd_write_full(fd, head, sizeof(head) - 1);
	/* The last byte is the NUL of the text. */
	if (r == 0)
		r = fd_write_full(fd, secret_peek(text), secret_size(text) - 1);
	if (r == 0)
		r = fd_write_full(fd, "\n", 1);
	secret_truncate(text, secret_size(text) - 1);
	if (r == 0 && to->qr)
		r = recovery_write_qr(fd, text, diag);
	if (r == 0 && to->file && fsync(fd) < 0)
		r = -errno;
	return r < 0 ? diag_set(diag, r, "cannot write to %s: %s", path, strerror(-r)) : 0;
}

/* Later it would be too late: the machine has its slots then. */
static int check_rekey(
	const struct seal_command *command, const struct seal_kept_keys *keys, struct diag *diag)
{
	_cleanup_(diag_done) struct diag why = {};
	int r = keys->n > 0 ? seal_command_rekey_check(command, keys, &why) : 0;

	if (r >= 0)
		return 0;
	if (command->stack.seal->rekey == SEAL_REKEY_FIRST_BOOT) {
		diag_move(diag, &why);
		return r;
	}
	log_info("dmstack rekey will not be possible: %s", why.what ?: strerror(-r));
	return 0;
}

int seal_command_enroll(
	struct seal_command *command, const struct seal_recovery_output *to, struct diag *diag)
{
	_cleanup_(seal_kept_keys_done) struct seal_kept_keys keys = {};
	struct seal_enrolment enrolment = { .keys = &keys, .pins = &seal_pins_present };
	_cleanup_(secret_freep) struct secret *recovery = NULL;
	int r;

	r = kept_keys_load(command, &keys, diag);
	if (r == 0)
		r = check_blank(command, &keys, diag);
	if (r == 0)
		r = check_rekey(command, &keys, diag);
	if (r == 0)
		r = seal_enroll(command->session, &enrolment, diag);
	recovery = enrolment.recovery;
	if (r == 0 && recovery)
		r = recovery_show(recovery, to, diag);
	return r;
}

static int publish(const char *label, const struct secret *payload, struct diag *diag)
{
	char description[TPM2_KEY_DESCRIPTION_SIZE];

	if (tpm2_key_description(label, description) < 0)
		return diag_set(diag, -ENAMETOOLONG, "the label \"%s\" is too long", label);
	return keyring_publish(description, payload, KEY_SECONDS, diag);
}

int seal_publish(const struct seal_command *command, struct diag *diag)
{
	const struct seal_session *session = command->session;

	for (size_t i = 0; i < command->n_labels; i++) {
		_cleanup_(secret_freep) struct secret *payload = NULL;
		int r = seal_key_payload(session->root, &session->places[session->current].slot,
			command->labels[i], &payload);

		if (r == -EKEYREJECTED)
			return diag_set(
				diag, r, "the slot's key \"%s\" was changed", command->labels[i]);
		if (r == 0)
			r = publish(command->labels[i], payload, diag);
		if (r < 0)
			return r;
	}
	return 0;
}

int seal_publish_kept(const struct seal_command *command, struct diag *diag)
{
	_cleanup_(seal_kept_keys_done) struct seal_kept_keys keys = {};
	int r = kept_keys_load(command, &keys, diag);

	if (r < 0)
		return r;
	if (keys.n < command->n_labels)
		return diag_set(diag, -ENOKEY,
			"the machine is not enrolled yet, and a key of the image is neither a "
			"credential dmstack.LABEL nor in " KEY_FOLDER);
	for (size_t i = 0; r == 0 && i < keys.n; i++) {
		_cleanup_(secret_freep) struct secret *payload = NULL;

		r = seal_payload_kept(keys.items[i].key, &payload);
		if (r == 0)
			r = publish(keys.items[i].label, payload, diag);
	}
	return r;
}
