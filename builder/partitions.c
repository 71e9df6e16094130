/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Images as partitions: types, UUIDs, names and flags, for a partition table or for systemd-repart.
 */

#include <string.h>

#include "cleanup.h"
#include "layer-luks.h"
#include "layer-verity.h"
#include "parse.h"
#include "partitions.h"

#define UUID_SIZE    16U
#define REPART_GRAIN 4096U

#if defined(__x86_64__)
#define ARCHITECTURE "x86-64"
#elif defined(__i386__)
#define ARCHITECTURE "x86"
#elif defined(__aarch64__)
#define ARCHITECTURE "arm64"
#elif defined(__arm__)
#define ARCHITECTURE "arm"
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE "riscv64"
#elif defined(__loongarch64)
#define ARCHITECTURE "loongarch64"
#elif defined(__powerpc64__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define ARCHITECTURE "ppc64-le"
#elif defined(__s390x__)
#define ARCHITECTURE "s390x"
#else
#define ARCHITECTURE "unknown"
#endif

#define LINUX_GENERIC "0fc63daf-8483-4772-8e79-3d69d8477de4"

/* The types of the specification. */
static const struct {
	const char *architecture;
	const char *root, *root_verity;
	const char *usr, *usr_verity;
} types[] = {
	{ "x86-64", "4f68bce3-e8cd-4db1-96e7-fbcaf984b709", "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
		"8484680c-9521-48c6-9c11-b0720656f69e", "77ff5f63-e7b6-4633-acf4-1565b864c0e6" },
	{ "x86", "44479540-f297-41b2-9af7-d131d5f0458a", "d13c5d3b-b5d1-422a-b29f-9454fdc89d76",
		"75250d76-8cc6-458e-bd66-bd47cc81a812", "8f461b0d-14ee-4e81-9aa9-049b6fb97abd" },
	{ "arm64", "b921b045-1df0-41c3-af44-4c6f280d3fae", "df3300ce-d69f-4c92-978c-9bfb0f38d820",
		"b0e01050-ee5f-4390-949a-9101b17104e9", "6e11a4e7-fbca-4ded-b9e9-e1a512bb664e" },
	{ "arm", "69dad710-2ce4-4e3c-b16c-21a1d49abed3", "7386cdf2-203c-47a9-a498-f2ecce45a2d6",
		"7d0359a3-02b3-4f0a-865c-654403e70625", "c215d751-7bcd-4649-be90-6627490a4c05" },
	{ "riscv64", "72ec70a6-cf74-40e6-bd49-4bda08e8f224", "b6ed5582-440b-4209-b8da-5ff7c419ea3d",
		"beaec34b-8442-439b-a40b-984381ed097d", "8f1056be-9b05-47c4-81d6-be53128e5b54" },
	{ "loongarch64", "77055800-792c-4f94-b39a-98c91b762bb6",
		"f3393b22-e9af-4613-a948-9d3bfbd0c535", "e611c702-575c-4cbe-9a46-434fa0bf7e3f",
		"f46b2c26-59ae-48f0-9106-c50ed47f673d" },
	{ "ppc64-le", "c31c45e6-3f39-412e-80fb-4809c4980599",
		"906bd944-4589-4aae-a4e4-dd983917446a", "15bb03af-77e7-4d4a-b12b-c0d084f7491c",
		"ee2b9983-21e8-4153-86d9-b6901a54d1ce" },
	{ "s390x", "5eead9a9-fe09-4a1e-a1d7-520d00531306", "b325bfbe-c7be-4ab8-8357-139e652d2f6b",
		"8a4f5770-50aa-4ed3-874a-99b710db6fea", "31741cc4-1a2a-4111-a581-e00b447d2d06" },
};

void partitions_done(struct partitions *p)
{
	for (size_t i = 0; i < p->n; i++)
		free(p->items[i].label);
	free(p->items);
	*p = (struct partitions){};
}

static int find_architecture(const char *name, size_t *ret, struct diag *diag)
{
	if (!name)
		name = ARCHITECTURE;
	for (size_t i = 0; i < ARRAY_SIZE(types); i++)
		if (streq(types[i].architecture, name)) {
			*ret = i;
			return 0;
		}
	return diag_set(diag, -EOPNOTSUPP,
		"--architecture: there are no partition types for \"%s\" here", name);
}

/* The layer of the tree that lies on the partition itself, or NULL. */
static const struct layer *tree_on_partition(const struct partitions_args *args)
{
	const struct layer *bottom = args->recipe->layers[0];

	return bottom->type == &layer_type_verity && layer_device(bottom, "hash") ? bottom : NULL;
}

/*
 * What systemd alone could open: a tree with its hashes beside, or a LUKS volume. It must not try with
 * anything else.
 */
static bool can_be_opened(const struct partitions_args *args)
{
	const struct layer *bottom = args->recipe->layers[0];

	if (args->recipe->n_layers > 1)
		return false;
	return tree_on_partition(args) ||
	       (bottom->type == &layer_type_luks && bottom->n_devices == 1);
}

static void set_type(struct partition *p, const struct partitions_args *args, size_t architecture,
	const char *role)
{
	const char *where = args->mount ? args->mount->where : "";
	bool verity = streq(role, "hash") && p->artifact->layer == 0 && tree_on_partition(args);
	bool root = streq(where, "/");

	p->discoverable = (root || streq(where, "/usr")) && (verity || streq(role, "data"));
	if (!p->discoverable) {
		memcpy(p->type, LINUX_GENERIC, sizeof(p->type));
		(void)snprintf(p->type_name, sizeof(p->type_name), "linux-generic");
		return;
	}
	memcpy(p->type,
		verity ? (root ? types[architecture].root_verity : types[architecture].usr_verity)
		       : (root ? types[architecture].root : types[architecture].usr),
		sizeof(p->type));
	(void)snprintf(p->type_name, sizeof(p->type_name), "%s-%s%s", root ? "root" : "usr",
		types[architecture].architecture, verity ? "-verity" : "");
	p->no_auto = !can_be_opened(args);
	p->read_only = layer_is_read_only(recipe_top(args->recipe));
}

/* Data and tree are found by the first and the last 128 bits of the root hash. */
static int set_uuid(struct partition *p, const struct partitions_args *args,
	const struct devref *ref, const char *role, struct diag *diag)
{
	const struct layer *tree = p->artifact->layer == 0 ? tree_on_partition(args) : NULL;
	const struct hexval *root = tree ? &verity_fields(tree)->root_hash : NULL;
	_cleanup_free_ char *label = NULL;
	uint8_t uuid[UUID_SIZE];
	int r = 0;

	if (ref->kind == DEVREF_PARTUUID) {
		if (parse_uuid(ref->value, uuid) < 0)
			return diag_set(diag, -EINVAL, "PARTUUID=%s is not a UUID", ref->value);
	} else if (root && root->size >= 2 * UUID_SIZE && streq(role, "data")) {
		memcpy(uuid, root->data, UUID_SIZE);
	} else if (root && root->size >= 2 * UUID_SIZE && streq(role, "hash")) {
		memcpy(uuid, root->data + root->size - UUID_SIZE, UUID_SIZE);
	} else {
		if (asprintf(&label, "partition/%s", p->label) < 0)
			return -ENOMEM;
		r = seed_uuid(args->seed, label, uuid);
	}
	if (r >= 0)
		format_uuid(uuid, p->uuid);
	return r;
}

/* What the manifest calls it; else STACK for the data, STACK-ROLE for others. */
static int set_label(struct partition *p, const struct partitions_args *args,
	const struct devref *ref, const char *role, struct diag *diag)
{
	int n;

	if (ref->kind == DEVREF_PARTLABEL)
		n = asprintf(&p->label, "%s", ref->value);
	else if (p->artifact->layer == 0 && streq(role, "data"))
		n = asprintf(&p->label, "%s", args->recipe->name);
	else
		n = asprintf(
			&p->label, "%s-%s", args->recipe->layers[p->artifact->layer]->name, role);
	if (n < 0) {
		p->label = NULL;
		return -ENOMEM;
	}
	if ((size_t)n > GPT_LABEL_MAX)
		return diag_set(diag, -EINVAL,
			"\"%s\" is longer than the %u characters of a partition's label", p->label,
			GPT_LABEL_MAX);
	return 0;
}

static int partition_init(struct partition *p, const struct partitions_args *args,
	size_t architecture, struct diag *diag)
{
	const struct layer *layer = args->recipe->layers[p->artifact->layer];
	const char *role = layer->type->roles[p->artifact->role].name;
	const struct devref *ref = &layer_device(layer, role)->ref;
	int r;

	set_type(p, args, architecture, role);
	r = set_label(p, args, ref, role, diag);
	return r < 0 ? r : set_uuid(p, args, ref, role, diag);
}

int partitions_init(struct partitions *ret, const struct partitions_args *args, struct diag *diag)
{
	_cleanup_(partitions_done) struct partitions all = {};
	uint8_t uuid[UUID_SIZE];
	size_t architecture;
	int r;

	r = find_architecture(args->architecture, &architecture, diag);
	if (r >= 0)
		r = seed_uuid(args->seed, "disk", uuid);
	if (r < 0)
		return r;
	format_uuid(uuid, all.disk_uuid);
	all.items = calloc(args->layout->n_artifacts, sizeof(*all.items));
	if (!all.items)
		return -ENOMEM;
	for (size_t i = 0; i < args->layout->n_artifacts; i++) {
		struct partition *p = &all.items[all.n++];

		p->artifact = &args->layout->artifacts[i];
		r = partition_init(p, args, architecture, diag);
		if (r < 0)
			return r;
		for (size_t k = 0; k < i; k++)
			if (streq(all.items[k].uuid, p->uuid))
				return diag_set(diag, -EINVAL,
					"the partitions %s and %s would both have the UUID %s",
					all.items[k].label, p->label, p->uuid);
	}
	*ret = all;
	all = (struct partitions){};
	return 0;
}

int partitions_write_gpt(const struct partitions *p, int fd, const char *name, struct diag *diag)
{
	struct gpt_partition table[LAYOUT_ARTIFACTS_MAX];

	for (size_t i = 0; i < p->n; i++) {
		const struct partition *from = &p->items[i];

		table[i] = (struct gpt_partition){
			.label = from->label,
			.type = from->type,
			.uuid = from->uuid,
			.attributes = (from->read_only ? GPT_READ_ONLY : 0) |
				      (from->no_auto ? GPT_NO_AUTO : 0),
			.offset = from->artifact->offset,
			.bytes = from->artifact->room,
		};
	}
	return gpt_write(fd, name, p->disk_uuid, table, p->n, diag);
}

/* "%" begins a specifier there. */
static void put_escaped(struct buf *buf, const char *text)
{
	for (; *text; text++)
		buf_puts(buf, *text == '%' ? "%%" : (char[]){ *text, '\0' });
}

int partition_print_repart(
	const struct partition *p, const char *folder, struct buf *buf, struct diag *diag)
{
	const struct artifact *a = p->artifact;

	if (a->room % REPART_GRAIN)
		return diag_set(diag, -EINVAL,
			"%s is for %ju bytes, but systemd-repart makes partitions of multiples of %u",
			a->file, (uintmax_t)a->room, REPART_GRAIN);
	buf_printf(buf, PARTITION_REPART_HEAD "[Partition]\nType=%s\nLabel=", p->type_name);
	put_escaped(buf, p->label);
	buf_printf(buf, "\nUUID=%s\nSizeMinBytes=%ju\nSizeMaxBytes=%ju\nCopyBlocks=", p->uuid,
		(uintmax_t)a->room, (uintmax_t)a->room);
	put_escaped(buf, folder);
	buf_puts(buf, endswith(folder, "/") ? "" : "/");
	put_escaped(buf, a->file);
	buf_putc(buf, '\n');
	if (p->discoverable)
		buf_printf(buf, "ReadOnly=%s\nNoAuto=%s\n", p->read_only ? "yes" : "no",
			p->no_auto ? "yes" : "no");
	/* A tree has no file system, and what is below other layers nobody could grow. */
	if (p->discoverable && !endswith(p->type_name, "-verity"))
		buf_puts(buf, "GrowFileSystem=no\n");
	return buf_error(buf);
}
