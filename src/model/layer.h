/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * A layer: one mapping, with a name, a type, devices below, typed fields, perhaps key references;
 * never a key. And the contract of a layer type, which is one constant descriptor.
 */

#include "cleanup.h"
#include "devref.h"
#include "diag.h"
#include "dmtable.h"
#include "field.h"
#include "keyref.h"

/* Sector always means 512 bytes here. */
#define SECTOR_SIZE  512U
#define SECTOR_SHIFT 9U
/* The longest name, so that the DM UUID (prefix + "-dmstack-" + name) fits its 128 bytes. */
#define LAYER_NAME_MAX	100U
#define LAYER_ROLES_MAX 4U
#define LAYER_KEYS_MAX	8U

struct layer;
struct luks2;

/* What happens to the key while the machine sleeps. */
enum suspend_action { SUSPEND_KEEP, SUSPEND_WIPE, _SUSPEND_MAX };

enum phase { PHASE_BOOTSTRAP, PHASE_SEALED, _PHASE_MAX };
enum fail_action {
	FAIL_PANIC,
	FAIL_REBOOT,
	FAIL_REBOOT_IMMEDIATE,
	FAIL_POWEROFF,
	FAIL_POWEROFF_IMMEDIATE,
	FAIL_HALT,
	FAIL_HALT_IMMEDIATE,
	FAIL_EXIT,
	_FAIL_MAX,
};

/* The options that every layer has; described by layer_common_fields. */
struct layer_common {
	unsigned phase; /* enum phase */
	unsigned fail;	/* enum fail_action */
	uint64_t timeout_usec;
	uint64_t device_size; /* bytes of the mapping; 0: from the device or superblock */
	char *damage_unit;    /* the unit that "watch" starts; owned; NULL: none */
	bool initrd;	      /* x-initrd.attach */
	bool nofail;
	bool noauto;
	bool netdev; /* _netdev */
	bool read_only;
	bool discard;
	unsigned suspend; /* enum suspend_action */
};

extern const struct field layer_common_fields[];
extern const size_t layer_n_common_fields;

/* A place for a device in a layer type. Index 0 is always "data". */
struct role {
	const char *name; /* "data", "meta", "hash", "fec" */
	bool required;
	const char *help;
};

enum key_need { KEY_NEVER, KEY_OPTIONAL, KEY_REQUIRED };

/* Where the superblock lies: filled by layer_type.superblock. */
struct superblock_place {
	size_t role;	 /* index of the role */
	uint64_t offset; /* bytes */
	size_t size;	 /* bytes */
};

/*
 * What a layer type is. Every callback is pure: no I/O, no log, no clock. An absent callback means
 * that there is nothing to do (check, superblock) or that lengths pass through (length, below).
 */
struct layer_type {
	const char *name;	 /* in dmstack.conf and manifests */
	const char *dm_target;	 /* the kernel's name of the target */
	unsigned version[3];	 /* the least version of the target */
	const char *summary;	 /* one line for the man page */
	const char *uuid_prefix; /* what lsblk(8) shows as TYPE */
	const char *const
		*modules; /* kernel modules, NULL-terminated, beside those of algorithms */

	const struct field *fields;
	size_t n_fields; /* at most 64 */
	size_t params_size;
	const struct role *roles;
	size_t n_roles;
	enum key_need key;
	bool read_only;	     /* the mapping can only be read */
	bool exact_size;     /* what is on the data device holds for one size of that only */
	bool any_block_size; /* stands on larger blocks than its own, and hands them up */
	bool key_wipe;	     /* the kernel can forget its key while it is suspended */
	bool early;	     /* the kernel makes it without user space, by dm-mod.create= */
	/*
	 * Options that the kernel adds to a live table by itself, or whose values it rounds:
	 * neither their presence nor their value counts as a difference. Names without the ":".
	 */
	const char *const *kernel_options;

	/* All fields together. */
	int (*check)(const struct layer *layer, struct diag *diag);
	/*
	 * Whether the layer above can stand on this one with its data, and whether this one can
	 * stand on the one below. NULL stands for nobody, or for a device that is not a layer.
	 */
	int (*check_above)(const struct layer *layer, const struct layer *above, struct diag *diag);
	int (*check_below)(const struct layer *layer, const struct layer *below, struct diag *diag);
	/*
	 * What the kernel reads from a key of type "user" while the table is loaded, such as a
	 * signature: no secret. use is for layer_key_description(). NULL: nothing is configured.
	 */
	const struct keyref *(*public_key)(const struct layer *layer, const char **ret_use);
	/* The key's size in bytes, or 0 for any. */
	size_t (*key_size)(const struct layer *layer);
	/* -ENODATA: this layer has no superblock. */
	int (*superblock)(const struct layer *layer, struct superblock_place *ret);
	/*
	 * Holds superblock bytes against the fields and fills in those that were not set. size is
	 * less than superblock() said where the device ends. Returns 1 if it has to see more:
	 * superblock() then says what, and it is called again.
	 * -ENODATA: there is no superblock; -EUCLEAN: broken; -EMEDIUMTYPE: not what was
	 * configured.
	 */
	int (*adopt)(struct layer *layer, const void *data, size_t size, struct diag *diag);
	/*
	 * The header, after adopt(), whose keyslots the layer's key opens; what they hold is the key
	 * of the table. NULL: the layer's key is that itself.
	 */
	const struct luks2 *(*keyslots)(const struct layer *layer);
	/* The length of the mapping, from the lengths of the devices by role (sectors; 0: none). */
	int (*length)(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
		uint64_t *ret_sectors, struct diag *diag);
	/* The least lengths below for a mapping of that length; the offline builder asks. */
	int (*below)(const struct layer *layer, uint64_t sectors,
		uint64_t ret_below[LAYER_ROLES_MAX], struct diag *diag);
	/* The logical block size in bytes that the mapping has; data below has at least that. */
	uint32_t (*block_size)(const struct layer *layer);
	/*
	 * Appends what the kernel computes with, as its crypto API calls it: "xts(aes)", "hmac(sha256)"
	 * and the like, each with a blank in front. NULL: nothing.
	 */
	void (*algorithms)(const struct layer *layer, struct buf *buf);
	/* Appends the target's words. t->length_sectors is set by the caller. */
	void (*table)(const struct layer *layer, struct dmtable *t);
	/*
	 * What a kernel that is older may refuse the table for, and what comes nearest to it there.
	 * A sentence, or NULL.
	 */
	const char *(*refusal_hint)(const struct layer *layer);
	/* Frees what params own beyond the fields. */
	void (*done)(struct layer *layer);
};

struct layer_device {
	size_t role; /* index into type->roles */
	struct devref ref;
	struct layer *layer; /* the layer below, once linked; not owned */
};

/* How the file system on top is mounted, from a manifest. */
struct mount_hint {
	char *where;	      /* "/", "/usr" ... ; owned, like the rest; may be NULL */
	char *type;	      /* "ext4"; may be NULL */
	char *options;	      /* for the bootstrap phase; may be NULL */
	char *options_sealed; /* may be NULL: then options */
};

struct mount_hint *mount_hint_free(struct mount_hint *mount);
DEFINE_FREEP(struct mount_hint, mount_hint_free)

struct layer {
	char *name;
	const struct layer_type *type;
	struct layer_device devices[LAYER_ROLES_MAX];
	size_t n_devices;
	struct keyref key;
	struct layer_common common;
	uint64_t common_set; /* bit n: layer_common_fields[n] was given */
	void *params;	     /* type->params_size bytes */
	uint64_t set;	     /* bit n: type->fields[n] was given */

	char *where;		  /* "file:line" or "file: $.layers[0]", for messages */
	char *source_path;	  /* the file, for SourcePath= */
	char *stack_name;	  /* the manifest's name, or NULL */
	uint64_t generation;	  /* the manifest's rollback number, 0 without one */
	bool trusted;		  /* somebody who is trusted vouches for the manifest */
	struct mount_hint *mount; /* on a top layer; may be NULL */

	struct diag error; /* set by stack_link() on a layer that cannot be used */
	bool broken;
	bool finished;	     /* layer_finish() was done */
	unsigned n_users;    /* layers above; set by stack_link() */
	uint32_t block_size; /* logical, in bytes, of the mapping; set by stack_link() */
	unsigned mark;	     /* for walks over the graph */
};

/* The table of types, NULL-terminated: layer-types.c. */
extern const struct layer_type *const layer_types[];
const struct layer_type *layer_type_find(const char *name);
/* The index of the role with that name, or -ENOENT. */
int layer_type_find_role(const struct layer_type *type, const char *name);

/* -EINVAL: a name that is empty, too long, or has characters other than A-Za-z0-9#+-.:=@_ */
int layer_name_check(const char *name, struct diag *diag) _must_check_;
/* All fields have their defaults. */
int layer_new(const char *name, const struct layer_type *type, struct layer **ret,
	struct diag *diag) _must_check_;
struct layer *layer_free(struct layer *layer);
DEFINE_FREEP(struct layer, layer_free)

/*
 * One option of either kind: "name" or "name=value"; also "role=device" for every role but data.
 * -EINVAL: unknown, doubled or unfit, and the diag names the word.
 */
int layer_set_option(struct layer *layer, const char *option, struct diag *diag) _must_check_;
/* The same in two pieces; value NULL for a bare word. */
int layer_set(
	struct layer *layer, const char *name, const char *value, struct diag *diag) _must_check_;
int layer_set_device(
	struct layer *layer, const char *role, const char *device, struct diag *diag) _must_check_;
/* What all options together must be. Later calls do nothing. */
int layer_finish(struct layer *layer, struct diag *diag) _must_check_;
/*
 * The same for a layer whose image is still to be made: no devices, no results such as a root hash.
 */
int layer_finish_create(struct layer *layer, struct diag *diag) _must_check_;

/*
 * What both have to say of each other. One of them may be NULL: nobody above, or a device below
 * that is not a layer. Both are finished.
 */
int layer_check_pair(
	const struct layer *above, const struct layer *below, struct diag *diag) _must_check_;

/* The device in a role, or NULL. */
const struct layer_device *layer_device(const struct layer *layer, const char *role);
/* The layer's references to keys, that of the column first; no more than LAYER_KEYS_MAX. */
size_t layer_keys(const struct layer *layer, const struct keyref *ret[LAYER_KEYS_MAX]);
bool layer_has_key(const struct layer *layer, enum keyref_kind kind);
/* True if the type's field of that name was given (not by default). */
bool layer_is_set(const struct layer *layer, const char *field);
/* Marks a field as given, for adopt callbacks. */
void layer_mark_set(struct layer *layer, const char *field);

int layer_length(const struct layer *layer, const uint64_t below[LAYER_ROLES_MAX],
	uint64_t *ret_sectors, struct diag *diag) _must_check_;
int layer_below(const struct layer *layer, uint64_t sectors, uint64_t ret_below[LAYER_ROLES_MAX],
	struct diag *diag) _must_check_;
/* length_sectors 0: not known; the table can then be printed but not loaded. */
int layer_table(
	const struct layer *layer, uint64_t length_sectors, struct dmtable *ret) _must_check_;
bool layer_is_read_only(const struct layer *layer);
/* The logical block size in bytes that the type itself asks for; at least 512. */
uint32_t layer_block_size(const struct layer *layer);
/* PREFIX-dmstack-NAME; NULL when memory is out. Lower case, so that no CRYPT-* rule matches. */
char *layer_dm_uuid(const struct layer *layer);
/* dmstack:NAME or dmstack:NAME:USE, the description of the layer's key in the kernel keyring. */
char *layer_key_description(const struct layer *layer, const char *use);
