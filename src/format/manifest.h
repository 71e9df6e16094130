/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * The manifest: a stack with every parameter that its activation needs, as the builder writes it.
 * JSON; see dmstack-manifest(5). Reading is strict, and writing is canonical: the same manifest
 * gives the same bytes, and reading these gives the same manifest.
 */

#include "stack.h"

#define MANIFEST_VERSION       1U
#define MANIFEST_SIZE_MAX      ((size_t)1 << 20)
#define MANIFEST_LAYERS_MAX    64U
#define MANIFEST_ARTIFACTS_MAX 256U
#define MANIFEST_TEXT_MAX      4096U

/* A file that the builder made, and the device that it belongs on. */
struct manifest_artifact {
	char *file;	 /* its name beside the manifest, without a folder; owned, like the rest */
	char *layer;	 /* the layer whose device it is ... */
	char *role;	 /* ... and in which role */
	uint64_t offset; /* bytes: where it begins in the file; 0: it is all of the file */
	uint64_t bytes;
	bool has_sha256;
	uint8_t sha256[32];
};

struct manifest {
	char *name;	       /* of the stack, which is that of its top layer */
	uint64_t generation;   /* the rollback number */
	unsigned phase;	       /* enum phase */
	unsigned fail;	       /* enum fail_action */
	struct seal *seal;     /* finished; owned; may be NULL */
	struct layer **layers; /* bottom to top; owned */
	size_t n_layers;
	struct mount_hint *mount;	     /* owned; may be NULL */
	struct manifest_artifact *artifacts; /* owned */
	size_t n_artifacts;
	bool trusted; /* somebody vouches for it; set by the loader, not read */
};

struct manifest *manifest_free(struct manifest *m);
DEFINE_FREEP(struct manifest, manifest_free)

/*
 * Reads a manifest; file is its name for messages. The layers are not finished: stack_link() does
 * that. -EINVAL with a diag ("file: $.layers[1].cipher"); -EPROTONOSUPPORT: it is a manifest of
 * device-mapper-tools, see manifest-v1.h; -ENOMEM.
 */
int manifest_parse(const char *text, size_t size, const char *file, struct manifest **ret,
	struct diag *diag) _must_check_;

/*
 * The phase to assume for a manifest that is refused: PHASE_SEALED, unless it is JSON and says
 * "phase": "bootstrap".
 */
enum phase manifest_guess_phase(const char *text, size_t size);

/*
 * Appends the canonical text. What is given (or has another value than zero) is written; fields
 * that count only at creation are written if they were given.
 */
int manifest_write(const struct manifest *m, struct buf *buf) _must_check_;

/*
 * Moves the layers and the seal into the stack, with phase, failure action, generation, mount hint and source.
 * path is the file, for SourcePath=. On failure the stack is as before. The manifest loses its
 * layers, its mount hint and its seal.
 */
int manifest_add_to_stack(
	struct manifest *m, const char *path, struct stack *stack, struct diag *diag) _must_check_;

/* The path of the signature beside it; NULL when memory is out. The caller frees it. */
char *manifest_signature_path(const char *manifest_path);
/* The layer in the manifest with that name, or NULL. */
struct layer *manifest_find_layer(const struct manifest *m, const char *name);
