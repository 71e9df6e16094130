/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the verbs of the seal have in common: the configuration, the labels of its keys, and where
 * PINs and keys of before come from.
 */

#include "config.h"
#include "seal-session.h"
#include "stack.h"

struct seal_command {
	struct stack stack;
	struct config_report report;
	bool is_known; /* stack and report are what the configuration says, with its errors */
	const char **labels; /* of all keys "tpm2:LABEL"; the array is owned */
	size_t n_labels;
	struct seal_session *session; /* owned */
	bool rekey_unchecked;	      /* layers are re-keyed even if their key looks wrong */
};
void seal_command_done(struct seal_command *command);

/* Reads the configuration. -ENOENT: there is no seal. */
int seal_command_load(struct seal_command *ret, struct diag *diag) _must_check_;
/* The same, unless it is done; and opens the session and measures the configuration. */
int seal_command_open(struct seal_command *command, struct diag *diag) _must_check_;

/* The PIN: the credential dmstack.pin, else somebody is asked. */
extern const struct seal_pins seal_pins_present;
/* A new one: the credential dmstack.new-pin, else somebody is asked, twice. */
extern const struct seal_pins seal_pins_new;
/* The recovery key: the credential dmstack.recovery, else somebody is asked. */
int seal_ask_recovery(struct secret **ret, struct diag *diag) _must_check_;

struct seal_recovery_output {
	const char *file; /* a new one; NULL: the terminal */
	bool qr;	  /* as a QR code as well; the caller has asked qr_is_supported() */
};

/*
 * Enrols. Devices whose key will be a new one must be blank: what lies there would be lost, or
 * somebody wants the machine to begin anew. to: where the recovery key goes, if there is one.
 */
int seal_command_enroll(struct seal_command *command, const struct seal_recovery_output *to,
	struct diag *diag) _must_check_;
/*
 * Gives a layer (NULL: all those whose key was there before the root secret) a key of this machine's
 * own; first it goes on with what was interrupted. The session is unlocked. -ECANCELED: a signal came.
 */
int seal_command_rekey(
	struct seal_command *command, struct layer *layer, struct diag *diag) _must_check_;
/* Whether all layers with one of these keys can be re-keyed, as far as is known before. */
int seal_command_rekey_check(const struct seal_command *command, const struct seal_kept_keys *keys,
	struct diag *diag) _must_check_;
/* Only goes on with what was interrupted, if that is so. */
int seal_command_rekey_resume(struct seal_command *command, struct diag *diag) _must_check_;
/* Puts the keys of all labels into the keyring: from the root secret, or those of before. */
int seal_publish(const struct seal_command *command, struct diag *diag) _must_check_;
int seal_publish_kept(const struct seal_command *command, struct diag *diag) _must_check_;
