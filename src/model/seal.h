/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The seal: where and under which conditions the TPM keeps the machine's root secret, from which
 * the keys "tpm2:LABEL" come. It is no layer, and a machine has one: one rollback domain. What lies
 * on its device is in seal-slot.h.
 */

#include "cleanup.h"
#include "devref.h"
#include "field.h"

/* The PCRs that are signed unless others are named. */
#define SEAL_SIGNED_PCRS_DFLT "11+12+13+15"

enum seal_bank { SEAL_BANK_SHA256, SEAL_BANK_SHA384, _SEAL_BANK_MAX };
enum seal_commit { SEAL_COMMIT_IMMEDIATE, SEAL_COMMIT_AFTER_GOOD, _SEAL_COMMIT_MAX };
enum seal_bootstrap { SEAL_BOOTSTRAP_DENY, SEAL_BOOTSTRAP_ALLOW, _SEAL_BOOTSTRAP_MAX };
enum seal_rekey { SEAL_REKEY_NO, SEAL_REKEY_FIRST_BOOT, _SEAL_REKEY_MAX };
enum seal_rotate { SEAL_ROTATE_NO, SEAL_ROTATE_BOOT, _SEAL_ROTATE_MAX };

struct seal {
	char *name;	   /* owned, like all texts */
	char *where;	   /* "file:line" or "file: $.seal", for messages */
	char *source_path; /* the file */
	char *stack_name;  /* the manifest's name, or NULL */
	struct devref device;
	uint64_t nv_index;   /* of the counter; the latch is the next one */
	unsigned bank;	     /* enum seal_bank */
	char *signed_pcrs;   /* as given; NULL: the default */
	char *literal_pcrs;  /* as given; NULL: the default */
	char *public_key;    /* path of K in PEM; NULL: no signed policy */
	char *pcr_signature; /* path of one more file of signatures; may be NULL */
	char *tpm_device;    /* path */
	uint64_t epoch;	     /* of the configuration; a manifest's is its generation */
	uint64_t tpm_timeout_usec;
	unsigned commit;    /* enum seal_commit */
	unsigned bootstrap; /* enum seal_bootstrap */
	unsigned rotate;    /* enum seal_rotate */
	unsigned rekey;	    /* enum seal_rekey */
	bool pin, own_lockout, software_tpm, recovery;
	unsigned phase; /* enum phase */
	bool trusted;	/* somebody who is trusted vouches for the file */
	bool broken;	/* set by stack_link() on one that cannot be used */
	struct diag error;
	uint64_t set; /* bit n: seal_fields[n] was given */

	/* From the texts, by seal_finish(); bit n is PCR n. */
	uint32_t signed_mask, literal_mask;
};

extern const struct field seal_fields[];
extern const size_t seal_n_fields;

/* All fields have their defaults. */
int seal_new(const char *name, struct seal **ret, struct diag *diag) _must_check_;
struct seal *seal_free(struct seal *seal);
DEFINE_FREEP(struct seal, seal_free)

/* One field by its name, "phase" and "sealed" included; value NULL for a bare word. */
int seal_set(
	struct seal *seal, const char *name, const char *value, struct diag *diag) _must_check_;
/* The same from "name" or "name=value". */
int seal_set_option(struct seal *seal, const char *option, struct diag *diag) _must_check_;
int seal_set_device(struct seal *seal, const char *device, struct diag *diag) _must_check_;
/* True for fields that a manifest says elsewhere, or cannot say. */
bool seal_field_is_local(const struct field *field);
/* A set of PCRs: "7", "0+2+7" or "none". field is its name for messages. */
int seal_parse_pcrs(
	const char *field, const char *text, uint32_t *ret, struct diag *diag) _must_check_;
/* What all of it together must be; sets the masks. */
int seal_finish(struct seal *seal, struct diag *diag) _must_check_;
/* True if both say the same. Place and phase do not count. */
bool seal_equal(const struct seal *a, const struct seal *b);
