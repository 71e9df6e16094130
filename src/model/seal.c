/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The seal's fields, and what they must be together.
 */

#include "seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "layer.h"
#include "parse.h"

/*
 * Software can reset PCR 16 and 23, and another locality 17 to 22: what is bound to these is bound
 * to nothing.
 */
#define PCR_MAX		  15U
#define LITERAL_PCRS_DFLT "7"

static const char *const phase_words[] = { "bootstrap", "sealed", NULL };
static const char *const bank_words[] = { "sha256", "sha384", NULL };
static const char *const commit_words[] = { "immediate", "after-good", NULL };
static const char *const bootstrap_words[] = { "deny", "allow", NULL };
static const char *const rekey_words[] = { "no", "first-boot", NULL };
static const char *const rotate_words[] = { "no", "boot", NULL };

#define SEAL(n, k, member, ...)                                                                    \
	{                                                                                          \
		.name = (n), .kind = (k), .offset = offsetof(struct seal, member), __VA_ARGS__     \
	}

const struct field seal_fields[] = {
	SEAL("phase", FIELD_ENUM, phase, .choices = phase_words, .dflt = "bootstrap",
		.flags = FIELD_UNKNOWN_IS_LAST,
		.help = "As for layers. A sealed layer with a key *tpm2:* makes the seal sealed. In a "
			"manifest it is the *phase* of the whole."),
	SEAL("nv-index", FIELD_U64, nv_index, .min = 0x01800000, .max = 0x01bffffe,
		.dflt = "0x01800d00",
		.help = "The index of the counter in the TPM's NV memory; the latch has the next "
			"one."),
	SEAL("bank", FIELD_ENUM, bank, .choices = bank_words, .dflt = "sha256",
		.help = "The bank of PCRs that the policy looks at."),
	SEAL("public-key", FIELD_STRING, public_key,
		.help = "The file of the key, ECC P-256 in PEM, whose owner signs the PCR values "
			"of an image. Without it only the PCRs of *literal-pcrs=* count, and each "
			"update of what they measure needs *dmstack reseal*."),
	SEAL("signed-pcrs", FIELD_STRING, signed_pcrs,
		.help = "The PCRs, joined by +, whose values are signed. With *public-key=* only, "
			"and then " SEAL_SIGNED_PCRS_DFLT " if it is not given."),
	SEAL("literal-pcrs", FIELD_STRING, literal_pcrs,
		.help = "The PCRs, joined by +, that must be as they were when the slot was written, "
			"or *none*. If it is not given: " LITERAL_PCRS_DFLT "."),
	SEAL("pcr-signature", FIELD_STRING, pcr_signature,
		.help = "One more file in which signatures of PCR values are looked for."),
	SEAL("epoch", FIELD_U64, epoch,
		.help = "The rollback number of the configuration. In a manifest it is *generation*. "
			"Slots of a later epoch do not open."),
	SEAL("commit", FIELD_ENUM, commit, .choices = commit_words, .dflt = "immediate",
		.help = "When a new epoch shuts out the former one: at its first boot, or at the boot "
			"after one that was found good."),
	SEAL("rotate", FIELD_ENUM, rotate, .choices = rotate_words, .dflt = "no",
		.help = "With *boot* a new slot is written at each boot, so that a copy of the "
			"whole disk from before opens nothing any more; backups neither."),
	SEAL("rekey", FIELD_ENUM, rekey, .choices = rekey_words, .dflt = "no",
		.help = "With *first-boot*, layers that have the key of their image still are re-keyed "
			"when the sealed phase opens the seal, before anything is attached; see "
			"*dmstack*(8). It can take minutes, for which the units wait up to a day, as they "
			"do for one that goes on, and needs 1 MiB on the seal's device."),
	SEAL("pin", FIELD_BOOL, pin,
		.help = "A PIN is needed as well, from the credential *dmstack.pin* or from systemd's "
			"password agents."),
	SEAL("own-lockout", FIELD_BOOL, own_lockout,
		.help = "The TPM's lockout gets a password from the root secret, so that a good boot "
			"can lift it."),
	SEAL("bootstrap", FIELD_ENUM, bootstrap, .choices = bootstrap_words, .dflt = "deny",
		.help = "Whether the first boot may enrol by itself."),
	SEAL("software-tpm", FIELD_BOOL, software_tpm,
		.help = "A TPM that is a program is accepted at enrolment."),
	SEAL("recovery", FIELD_BOOL, recovery,
		.help = "A recovery key is made at enrolment, and shown once."),
	SEAL("tpm-device", FIELD_STRING, tpm_device, .dflt = "/dev/tpmrm0", .help = "The TPM."),
	SEAL("tpm-timeout", FIELD_USEC, tpm_timeout_usec, .dflt = "30s",
		.help = "How long to wait for the TPM to appear."),
};
const size_t seal_n_fields = ARRAY_SIZE(seal_fields);

int seal_new(const char *name, struct seal **ret, struct diag *diag)
{
	_cleanup_(seal_freep) struct seal *seal = NULL;

	int r = layer_name_check(name, diag);
	if (r < 0)
		return r;
	seal = calloc(1, sizeof(*seal));
	if (!seal)
		return -ENOMEM;
	seal->name = strdup(name);
	if (!seal->name)
		return -ENOMEM;
	r = field_set_defaults(seal_fields, seal_n_fields, seal);
	if (r < 0)
		return r;
	*ret = take_ptr(seal);
	return 0;
}

struct seal *seal_free(struct seal *seal)
{
	if (!seal)
		return NULL;
	for (size_t i = 0; i < seal_n_fields; i++)
		field_clear(&seal_fields[i], seal);
	devref_done(&seal->device);
	free(seal->name);
	free(seal->where);
	free(seal->source_path);
	free(seal->stack_name);
	diag_done(&seal->error);
	free(seal);
	return NULL;
}

bool seal_field_is_local(const struct field *field)
{
	return streq(field->name, "epoch") || streq(field->name, "phase");
}

int seal_set(struct seal *seal, const char *name, const char *value, struct diag *diag)
{
	if (streq(name, "sealed") && !value) {
		name = "phase";
		value = "sealed";
	}

	int i = field_find(seal_fields, seal_n_fields, name);
	if (i < 0)
		return diag_set(diag, -EINVAL, "unknown option \"%s\" for a seal", name);
	return field_set_once(seal_fields, (size_t)i, seal, &seal->set, value, diag);
}

int seal_set_option(struct seal *seal, const char *option, struct diag *diag)
{
	_cleanup_free_ char *name = NULL;
	char *value;

	int r = field_split_option(option, &name, &value, diag);
	return r < 0 ? r : seal_set(seal, name, value, diag);
}

int seal_set_device(struct seal *seal, const char *device, struct diag *diag)
{
	struct devref ref;

	int r = devref_parse(device, &ref, diag);
	if (r < 0)
		return r;
	if (ref.kind == DEVREF_LAYER) {
		devref_done(&ref);
		return diag_set(diag, -EINVAL,
			"device \"%s\": a seal lies on a partition or in a file, not on a layer",
			device);
	}
	devref_done(&seal->device);
	seal->device = ref;
	return 0;
}

int seal_parse_pcrs(const char *field, const char *text, uint32_t *ret, struct diag *diag)
{
	_cleanup_free_ char *copy = strdup(text);
	uint32_t mask = 0;

	if (!copy)
		return -ENOMEM;
	if (streq(text, "none")) {
		*ret = 0;
		return 0;
	}
	for (char *rest = copy, *word; (word = strsep(&rest, "+"));) {
		uint64_t n;

		if (parse_u64(word, &n) < 0 || n > PCR_MAX)
			return diag_set(diag, -EINVAL,
				"%s: \"%s\" is not a PCR from 0 to %u (\"7\", \"0+2+7\" or \"none\")",
				field, word, PCR_MAX);
		if (mask & UINT32_C(1) << n)
			return diag_set(diag, -EINVAL, "%s: PCR %s is there twice", field, word);
		mask |= UINT32_C(1) << n;
	}
	*ret = mask;
	return 0;
}

static int finish_masks(struct seal *seal, struct diag *diag)
{
	int r = seal_parse_pcrs(
		"literal-pcrs", seal->literal_pcrs ?: LITERAL_PCRS_DFLT, &seal->literal_mask, diag);
	if (r < 0)
		return r;

	seal->signed_mask = 0;
	if (seal->public_key) {
		r = seal_parse_pcrs("signed-pcrs", seal->signed_pcrs ?: SEAL_SIGNED_PCRS_DFLT,
			&seal->signed_mask, diag);
		if (r < 0)
			return r;
		if (seal->signed_mask == 0)
			return diag_set(
				diag, -EINVAL, "signed-pcrs: public-key needs at least one");
	} else if (seal->signed_pcrs) {
		return diag_set(diag, -EINVAL, "signed-pcrs: public-key is missing");
	}
	if (seal->signed_mask & seal->literal_mask)
		return diag_set(diag, -EINVAL,
			"literal-pcrs: a PCR is among signed-pcrs as well, whose values may change");
	if (seal->signed_mask == 0 && seal->literal_mask == 0)
		return diag_set(diag, -EINVAL,
			"literal-pcrs: without any PCR the TPM gives the keys to every system");
	return 0;
}

int seal_finish(struct seal *seal, struct diag *diag)
{
	const struct {
		const char *field, *path;
	} paths[] = {
		{ "public-key", seal->public_key },
		{ "pcr-signature", seal->pcr_signature },
		{ "tpm-device", seal->tpm_device },
	};

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++)
		if (paths[i].path && paths[i].path[0] != '/')
			return diag_set(diag, -EINVAL, "%s: \"%s\" is not an absolute path",
				paths[i].field, paths[i].path);
	if (seal->device.kind == DEVREF_NONE)
		return diag_set(diag, -EINVAL, "a seal needs a device");
	return finish_masks(seal, diag);
}

bool seal_equal(const struct seal *a, const struct seal *b)
{
	if (!streq(a->name, b->name) || !devref_equal(&a->device, &b->device))
		return false;
	for (size_t i = 0; i < seal_n_fields; i++)
		if (!streq(seal_fields[i].name, "phase") && !field_equal(&seal_fields[i], a, b))
			return false;
	return true;
}
