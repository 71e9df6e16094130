/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * dmstack-build sign-policy: approves the PCR values of an image, for each epoch whose slots it may
 * open. Values are given, or follow from a unified kernel image and from the configuration.
 */

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "build-verbs.h"
#include "fd.h"
#include "hex.h"
#include "conf.h"
#include "load.h"
#include "manifest.h"
#include "parse.h"
#include "pcr-signature.h"
#include "pcr-values.h"
#include "signature.h"
#include "uki-measure.h"

#define CONFIG_PCR 15U
#define EPOCHS_MAX 64U

struct policy_opts {
	const char *key, *bank, *pcrs, *uki, *phases, *root, *join, *output;
	struct strlist values, config, epochs;
	bool force;
};

#define OPTION(n, k, member, ...)                                                                  \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct policy_opts, member),          \
		__VA_ARGS__                                                                        \
	}

static const struct option_def options[] = {
	OPTION("private-key", OPTION_STRING, key, .arg = "FILE",
		.help = "the private key, ECC P-256: a PEM or DER file, or a URI such as "
			"pkcs11:..."),
	OPTION("root", OPTION_STRING, root, .arg = "DIR",
		.help = "the tree of the initrd: its configuration gives PCR 15, its seal the rest"),
	OPTION("config", OPTION_LIST, config, .arg = "FILE",
		.help = "a file of the configuration, in the order in which they are read, for "
			"PCR 15"),
	OPTION("uki", OPTION_STRING, uki, .arg = "FILE",
		.help = "the unified kernel image, for PCR 11"),
	OPTION("phases", OPTION_STRING, phases, .arg = "WORD[:WORD]...",
		.help = "the phases of the boot in PCR 11 (default enter-initrd)"),
	OPTION("pcr", OPTION_LIST, values, .arg = "N=HEX", .help = "the value of a PCR"),
	OPTION("pcrs", OPTION_STRING, pcrs, .arg = "N[+N]...",
		.help = "the PCRs that are signed (default: as the seal says, or 11+12+13+15)"),
	OPTION("bank", OPTION_STRING, bank, .arg = "WORD",
		.help = "sha256 or sha384 (default: as the seal says, or sha256)"),
	OPTION("epoch", OPTION_LIST, epochs, .arg = "N",
		.help = "an epoch that the image may open (default: the seal's, and the one before)"),
	OPTION("join", OPTION_STRING, join, .arg = "FILE",
		.help = "take over what is in this file"),
	OPTION("output", OPTION_STRING, output, .letter = 'o', .arg = "FILE",
		.help = "write here instead of to standard output"),
	OPTION("force", OPTION_FLAG, force, .letter = 'f', .help = "replace what is there"),
};

/* What is going to be signed. */
struct policy {
	struct stack stack; /* of --root */
	struct load_files files;
	struct pcr_values pcrs;
	uint32_t mask;
	uint64_t epochs[EPOCHS_MAX];
	size_t n_epochs;
};

static void policy_done(struct policy *policy)
{
	pcr_values_done(&policy->pcrs);
	load_files_done(&policy->files);
	stack_done(&policy->stack);
}

static void on_load_error(void *userdata, const struct load_error *error)
{
	struct diag *diag = userdata;

	/* The first one is enough to refuse. */
	(void)diag_set(diag, -EINVAL, "%s: %s", error->diag.where, error->diag.what);
}

static int load_root(const char *root, struct policy *policy, struct diag *diag)
{
	const struct load_request request = {
		.root = root,
		.on_error = on_load_error,
		.userdata = diag,
	};
	int r;

	r = load_stack(&request, &policy->stack, &policy->files);
	if (r < 0)
		return diag_set(diag, r, "cannot read %s: %s", root, strerror(-r));
	/* Nothing that a target would refuse is signed. */
	if (r > 0)
		return -EINVAL;
	if (policy->files.n == 0)
		return diag_set(diag, -ENODATA, "%s has no configuration", root);
	return 0;
}

static int load_config(const struct strlist *paths, struct load_files *files, struct diag *diag)
{
	for (size_t i = 0; i < paths->n; i++) {
		_cleanup_free_ char *text = NULL;
		size_t size;
		int r;

		r = file_read(AT_FDCWD, paths->items[i], CONF_SIZE_MAX, &text, &size);
		if (r < 0)
			return diag_set(
				diag, r, "cannot read %s: %s", paths->items[i], strerror(-r));
		r = load_files_add(files, paths->items[i], text, size);
		if (r < 0)
			return r;
	}
	return 0;
}

static int choose_bank(
	const struct policy_opts *o, const struct seal *seal, enum tpm_bank *ret, struct diag *diag)
{
	if (o->bank && !streq(o->bank, "sha256") && !streq(o->bank, "sha384"))
		return usage_error(diag, "--bank: \"%s\" is neither sha256 nor sha384", o->bank);
	if (o->bank)
		*ret = streq(o->bank, "sha384") ? TPM_BANK_SHA384 : TPM_BANK_SHA256;
	else
		*ret = seal && seal->bank == SEAL_BANK_SHA384 ? TPM_BANK_SHA384 : TPM_BANK_SHA256;
	return 0;
}

/* An image may open the slots of the epoch before, so that it can be updated to. */
static int choose_epochs(const struct policy_opts *o, const struct seal *seal,
	struct policy *policy, struct diag *diag)
{
	if (o->epochs.n == 0 && !seal)
		return usage_error(diag, "--epoch is missing, and there is no seal that says it");
	if (o->epochs.n > EPOCHS_MAX)
		return usage_error(diag, "more than %u times --epoch", EPOCHS_MAX);
	if (o->epochs.n == 0) {
		if (seal->epoch > 0)
			policy->epochs[policy->n_epochs++] = seal->epoch - 1;
		policy->epochs[policy->n_epochs++] = seal->epoch;
	}
	for (size_t i = 0; i < o->epochs.n; i++)
		if (parse_u64(o->epochs.items[i], &policy->epochs[policy->n_epochs++]) < 0)
			return usage_error(
				diag, "--epoch: \"%s\" is not a number", o->epochs.items[i]);
	return 0;
}

/* "11=HEX" */
static int set_value(struct pcr_values *pcrs, const char *text, struct diag *diag)
{
	_cleanup_free_ char *copy = strdup(text);
	char *equals;
	uint64_t n;

	if (!copy)
		return -ENOMEM;
	equals = strchr(copy, '=');
	if (equals)
		*equals++ = '\0';
	if (!equals || parse_u64(copy, &n) < 0 || n >= TPM_PCR_COUNT)
		return usage_error(diag, "--pcr: \"%s\" is not N=HEX", text);
	if (strlen(equals) != 2 * pcrs->size || hex_decode(equals, pcrs->values[n], pcrs->size) < 0)
		return usage_error(diag,
			"--pcr: the value of PCR %llu must be %zu hexadecimal digits",
			(unsigned long long)n, 2 * pcrs->size);
	if (pcrs->known >> n & 1)
		return usage_error(
			diag, "--pcr: PCR %llu has a value already", (unsigned long long)n);
	pcrs->known |= UINT32_C(1) << n;
	return 0;
}

static int set_values(const struct policy_opts *o, struct policy *policy, struct diag *diag)
{
	/* What systemd-stub measures beside the image: it has to be absent. */
	static const unsigned empty[] = { 12, 13 };
	uint8_t digest[SHA256_SIZE];
	int r = 0;

	if (o->uki)
		r = uki_measure(o->uki, o->phases ?: "enter-initrd", &policy->pcrs, diag);
	if (r >= 0 && policy->files.n > 0) {
		load_files_digest(&policy->files, digest);
		r = pcr_values_event(&policy->pcrs, CONFIG_PCR, digest, sizeof(digest));
	}
	for (size_t i = 0; r == 0 && i < o->values.n; i++)
		r = set_value(&policy->pcrs, o->values.items[i], diag);
	for (size_t i = 0; r == 0 && i < ARRAY_SIZE(empty); i++)
		if (!(policy->pcrs.known >> empty[i] & 1))
			pcr_values_set_zero(&policy->pcrs, empty[i]);
	return r;
}

static int policy_prepare(const struct policy_opts *o, struct policy *policy, struct diag *diag)
{
	const struct seal *seal;
	enum tpm_bank bank = TPM_BANK_SHA256;
	int r = 0;

	if (o->root)
		r = load_root(o->root, policy, diag);
	if (r >= 0)
		r = load_config(&o->config, &policy->files, diag);
	if (r < 0)
		return r;
	seal = policy->stack.seal;
	r = choose_bank(o, seal, &bank, diag);
	if (r == 0)
		r = choose_epochs(o, seal, policy, diag);
	if (r == 0)
		r = pcr_values_init(&policy->pcrs, bank);
	if (r != 0)
		return r;
	policy->mask = seal ? seal->signed_mask : 0;
	if (o->pcrs || policy->mask == 0)
		r = seal_parse_pcrs(
			"--pcrs", o->pcrs ?: SEAL_SIGNED_PCRS_DFLT, &policy->mask, diag);
	if (r >= 0 && policy->mask == 0)
		return usage_error(diag, "--pcrs: there is nothing to sign");
	return r < 0 ? r : set_values(o, policy, diag);
}

/* Replaces an entry for the same state and epoch, so that signing twice is no growth. */
static int put_signature(struct pcr_signatures *list, const struct pcr_signature *signature)
{
	for (size_t i = 0; i < list->n; i++) {
		struct pcr_signature *old = &list->items[i];

		if (old->bank == signature->bank && old->mask == signature->mask &&
			old->epoch == signature->epoch &&
			memcmp(old->policy, signature->policy, TPM_DIGEST_SIZE) == 0) {
			*old = *signature;
			return 0;
		}
	}
	return pcr_signatures_add(list, signature);
}

static int sign_epochs(const struct policy_opts *o, const struct policy *policy,
	struct pcr_signatures *list, struct diag *diag)
{
	struct pcr_signature entry = { .bank = policy->pcrs.bank, .mask = policy->mask };
	_cleanup_(signer_freep) struct signer *signer = NULL;
	uint8_t message[TPM_DIGEST_SIZE + TPM_REF_SIZE];
	unsigned missing = 0;
	int r;

	r = pcr_values_policy(&policy->pcrs, policy->mask, entry.policy, &missing);
	if (r == -ENODATA)
		return usage_error(diag, "PCR %u has no value%s", missing,
			missing == UKI_PCR	? " (--uki or --pcr gives it)"
			: missing == CONFIG_PCR ? " (--root, --config or --pcr gives it)"
						: " (--pcr gives it)");
	if (r >= 0)
		r = signer_new(o->key, NULL, &signer, diag);
	for (size_t i = 0; r >= 0 && i < policy->n_epochs; i++) {
		entry.epoch = policy->epochs[i];
		memcpy(message, entry.policy, TPM_DIGEST_SIZE);
		tpm_policy_ref(entry.epoch, message + TPM_DIGEST_SIZE);
		r = signature_make_ecdsa(signer, message, sizeof(message), &entry.signature, diag);
		if (r >= 0)
			r = put_signature(list, &entry);
		if (r == -E2BIG)
			return diag_set(diag, r, "more than %u signatures", PCR_SIGNATURES_MAX);
	}
	return r;
}

static int put_output(const struct policy_opts *o, const struct buf *text, struct diag *diag)
{
	int r;

	if (!o->output)
		return fputs(buf_str(text), stdout) < 0 || fflush(stdout) < 0 ? -EIO : 0;
	if (!o->force && faccessat(AT_FDCWD, o->output, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return diag_set(diag, -EEXIST, "%s exists (--force replaces it)", o->output);
	r = file_write_atomic(AT_FDCWD, o->output, text->data, text->size, 0644);
	if (r < 0)
		return diag_set(diag, r, "cannot write %s: %s", o->output, strerror(-r));
	return 0;
}

static int policy_run(const void *opts, const char *const *args, struct diag *diag)
{
	const struct policy_opts *o = opts;
	_cleanup_(pcr_signatures_done) struct pcr_signatures list = {};
	_cleanup_(policy_done) struct policy policy = {};
	_cleanup_(buf_done) struct buf text = {};
	_cleanup_free_ char *join = NULL;
	size_t join_size = 0;
	int r;

	if (!o->key)
		return usage_error(diag, "sign-policy: --private-key is missing");
	if (o->root && o->config.n > 0)
		return usage_error(diag, "sign-policy: --root and --config exclude each other");
	r = policy_prepare(o, &policy, diag);
	if (r != 0)
		return r;
	if (o->join) {
		r = file_read(AT_FDCWD, o->join, MANIFEST_SIZE_MAX, &join, &join_size);
		if (r < 0)
			return diag_set(diag, r, "cannot read %s: %s", o->join, strerror(-r));
		r = pcr_signatures_parse(join, join_size, o->join, &list, diag);
		if (r < 0)
			return r;
	}
	r = sign_epochs(o, &policy, &list, diag);
	if (r != 0)
		return r;
	r = pcr_signatures_write(&list, join, join_size, o->join, &text, diag);
	return r < 0 ? r : put_output(o, &text, diag);
}

const struct verb verb_sign_policy = {
	.name = "sign-policy",
	.summary = "Approve the PCR values of an image, so that the TPM opens the seal for it",
	.options = options,
	.n_options = ARRAY_SIZE(options),
	.opts_size = sizeof(struct policy_opts),
	.run = policy_run,
};
