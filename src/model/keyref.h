/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * Where a key comes from; never its bytes. Syntax: dmstack.conf(5), column "key".
 */

#include "buf.h"
#include "diag.h"

enum keyref_kind {
	KEYREF_NONE,	   /* "-" or "none" */
	KEYREF_FILE,	   /* "file:/path" or "/path" */
	KEYREF_CREDENTIAL, /* "credential:NAME" */
	KEYREF_KEYRING,	   /* "keyring:DESCRIPTION", a user or logon key */
	KEYREF_TPM2,	   /* "tpm2:NAME" */
	KEYREF_ASK,	   /* "ask": systemd's password agents; never in the sealed phase */
	_KEYREF_KIND_MAX,
};

struct keyref {
	enum keyref_kind kind;
	char *value; /* path, name or description; owned; NULL for NONE and ASK */
};

void keyref_done(struct keyref *key);
int keyref_parse(const char *text, struct keyref *ret, struct diag *diag) _must_check_;
int keyref_copy(const struct keyref *from, struct keyref *ret) _must_check_;
/* The canonical text, as keyref_parse() takes it. */
void keyref_print(const struct keyref *key, struct buf *buf);
bool keyref_equal(const struct keyref *a, const struct keyref *b);
