/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * All configured layers as a graph. A stack in the narrower sense is the part below one name.
 */

#include "layer.h"
#include "seal.h"

struct stack {
	struct layer **layers; /* in the order in which they were added; owned */
	size_t n_layers;
	size_t space;
	uint32_t *index; /* open-addressing hash of names: position + 1; owned */
	size_t index_size;
	struct seal *seal; /* finished; owned; NULL: none */
	/*
	 * Whether stack_link() breaks what is sealed, and of manifests for which nobody vouches. Who has looked at no signature leaves this to who will.
	 */
	bool demands_trust;
};

void stack_done(struct stack *stack);
/* Takes the layer over on success. -EEXIST: the diag names both places. */
int stack_add(struct stack *stack, struct layer *layer, struct diag *diag) _must_check_;
/*
 * Takes the seal over on success. -EEXIST: there is another one, and the diag names both places.
 * Of two equal ones the first stays, with the stricter phase.
 */
int stack_set_seal(struct stack *stack, struct seal *seal, struct diag *diag) _must_check_;
struct layer *stack_find(const struct stack *stack, const char *name);

/*
 * Finishes every layer, resolves devices that are layers (by name, or by /dev/mapper/NAME), and
 * finds cycles, missing layers and what a chain cannot carry (block sizes that shrink upwards, a
 * writable layer on a read-only one). Options that hold for everything below a layer are passed
 * down: initrd, _netdev, the stricter phase, which the seal of a key "tpm2:" takes over, too. A layer that cannot be used, or that stands on such
 * a one, is marked broken with its own diag. Returns the number of broken layers, and one more for the
 * seal, or -ENOMEM.
 */
int stack_link(struct stack *stack) _must_check_;

/*
 * -ESTALE: the seal, or a sealed manifest, has a rollback number below the one that the TPM knows:
 * an old state of the disk was put back.
 */
int stack_check_epoch(const struct stack *stack, uint64_t least, struct diag *diag) _must_check_;

/*
 * The layers below and including top (NULL: all), each after all that it stands on. *ret is an
 * array of *ret_n pointers, to be freed by the caller; the layers are not.
 */
int stack_order(const struct stack *stack, struct layer *top, struct layer ***ret,
	size_t *ret_n) _must_check_;
