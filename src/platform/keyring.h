/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The kernel's key retention service, by system calls. Keys go into the keyring of the calling
 * thread: it needs no session (there is none under PID 1), the table load that follows in this
 * thread finds them, and they die with it at the latest.
 */

#include <stdint.h>

#include "diag.h"
#include "macro.h"
#include "secret.h"

/*
 * Adds a "logon" key, which user space can never read back ("user" for a signature that is no
 * secret). *ret is the serial number for keyring_drop().
 */
int keyring_add(const char *type, const char *description, const struct secret *bytes, int32_t *ret,
	struct diag *diag) _must_check_;
/* Revokes the key and takes it out of the thread's keyring. */
void keyring_drop(int32_t serial);
/* The payload of a "user" key that the process can find. -EKEYREVOKED, -ENOKEY ... */
int keyring_read(
	const char *description, size_t limit, struct secret **ret, struct diag *diag) _must_check_;

/*
 * Keys that one process leaves for others of the same user, in that user's keyring: type "user",
 * for nobody else, and for a limited time.
 */
int keyring_publish(const char *description, const struct secret *bytes, unsigned timeout_seconds,
	struct diag *diag) _must_check_;
/* As keyring_read(), and found without a session. */
int keyring_read_published(
	const char *description, size_t limit, struct secret **ret, struct diag *diag) _must_check_;
/* Revokes those whose description has the prefix; returns their number. */
int keyring_unpublish(const char *prefix, struct diag *diag) _must_check_;
