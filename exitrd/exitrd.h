/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The two halves of an exitrd, see https://systemd.io/INITRD_INTERFACE/: filling its folder while
 * the system runs, and ending the machine from within it.
 */

#include "diag.h"
#include "strset.h"

#define EXITRD_DIR "/run/initramfs"
/* Where systemd-shutdown(8) leaves the old root. */
#define EXITRD_OLD_ROOT "/oldroot"

/* True if a layer of ours carries / or /usr, or if that cannot be told and there is a layer. */
bool exitrd_is_needed(void);
/*
 * Copies this program, as "shutdown", and all that it is linked with into the folder. On failure
 * there is no "shutdown", and nothing else of this call.
 */
int exitrd_fill(const char *dir, struct diag *diag) _must_check_;

/*
 * The mount points in a text like /proc/self/mountinfo that have to go before the devices can: all
 * but / and those of the kernel's own file systems. In the order in which they were mounted.
 */
int exitrd_mounts(const char *mountinfo, struct strset *ret) _must_check_;
/* Unmounts them, and ends processes that keep the old root. -EBUSY: something is still mounted. */
int exitrd_unmount(void) _must_check_;
/* Takes down what is not in use, again and again. Returns how many mappings are left. */
int exitrd_detach(void) _must_check_;
/* What systemd-shutdown(8) was asked for: "poweroff", "reboot", "halt", "kexec" or "exit". */
bool exitrd_knows(const char *action);
void exitrd_reboot(const char *action) __attribute__((noreturn));
