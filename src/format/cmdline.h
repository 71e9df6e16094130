/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the kernel command line says to dmstack; see dmstack-generator(8). It can make things
 * stricter and name other devices; it cannot make anything laxer.
 *
 *	dmstack=no                      generate nothing, unless something is sealed
 *	dmstack.phase=sealed            all stacks; another word than "bootstrap" means sealed
 *	dmstack.device=NAME.ROLE=DEVICE the device below layer NAME
 *	dmstack.stack=NAME              only this stack and sealed ones; more add to the list
 *	dmstack.timeout=TIME            for devices
 *
 * With "rd." in front a word counts in the initrd only.
 */

#include "stack.h"

struct cmdline_device {
	char *layer; /* owned, like the rest */
	char *role;
	struct devref device;
};

struct cmdline {
	bool disabled;
	bool sealed;
	bool timeout_given;
	uint64_t timeout_usec;
	struct cmdline_device *devices;
	size_t n_devices;
	char **stacks;
	size_t n_stacks;
	/* Words of systemd's that tell where root and /usr are; the last of each counts. */
	char *root;   /* root=, as given; NULL: not there */
	char *usr;    /* mount.usr= */
	char *resume; /* resume= */
};

void cmdline_done(struct cmdline *cmdline);

/*
 * Reads the words of a command line; text may be quoted as in the kernel. Words of others are
 * skipped. Returns the number of words that start with "dmstack" or "rd.dmstack" and are wrong,
 * with the first of them in the diag; the other words count all the same. -ENOMEM.
 */
int cmdline_parse(
	const char *text, bool in_initrd, struct cmdline *ret, struct diag *diag) _must_check_;

/*
 * Reads $SYSTEMD_PROC_CMDLINE (the text itself), else /proc/cmdline, and parses it. In addition
 * -errno of the file.
 */
int cmdline_read(bool in_initrd, struct cmdline *ret, struct diag *diag) _must_check_;

/* The text itself; $SYSTEMD_PROC_CMDLINE, else /proc/cmdline. To be freed. -errno of the file. */
int cmdline_text(char **ret, struct diag *diag) _must_check_;

/*
 * -EPERM: there is a word that would let somebody at the console, or whoever wrote the command
 * line, around what the sealed phase promises: units skipped, masked or replaced, their time
 * limits without effect, a shell. The diag names it. "rd." in front makes no difference, since the
 * system that comes after the initrd has to be safe too.
 */
int cmdline_guard(const char *text, struct diag *diag) _must_check_;

/* True for a unit that the sealed phase relies on, or that opens a shell. */
bool cmdline_guards_unit(const char *name);

/* Who carries root or /usr is attached in the initrd, without being told so layer by layer. */
void cmdline_mark_initrd(const struct cmdline *cmdline, struct stack *stack);

/*
 * True if the initrd has to attach the layer: it is told so, or root or /usr are on it, or what a
 * hibernated system resumes from. What it stands on is another matter.
 */
bool cmdline_needs_layer(const struct cmdline *cmdline, const struct layer *layer);

/*
 * Changes the layers accordingly, before stack_link(). A device is set at the physical end of the
 * chain: where the role of NAME is another layer, the data devices are followed downwards.
 * Returns the number of devices that do not fit a layer, with the first of them in the diag.
 */
int cmdline_apply(
	const struct cmdline *cmdline, struct stack *stack, struct diag *diag) _must_check_;

/* For those who read the same words: the next one, cut in place, without its quotes. */
bool cmdline_next_word(char **text, char **ret);
