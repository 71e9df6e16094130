/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Mount units from the hint of a manifest: sysroot.mount and sysroot-usr.mount in the initrd, the
 * other mount points in the running system.
 */

#include <string.h>

#include "units-private.h"

struct mount {
	const struct layer *layer;
	const char *where;
	const char *options;
	const char *target; /* who asks for it */
	enum unit_place place;
	bool read_only;
	bool root;
};

static bool options_have(const char *options, const char *word)
{
	const size_t n = strlen(word);

	for (const char *p = options; *p; p += strcspn(p, ","), p += *p == ',')
		if (strcspn(p, ",") == n && memcmp(p, word, n) == 0)
			return true;
	return false;
}

/* True if the option is there with any value; key ends with "=". */
static bool options_have_key(const char *options, const char *key)
{
	for (const char *p = options; *p; p += strcspn(p, ","), p += *p == ',')
		if (startswith(p, key))
			return true;
	return false;
}

/*
 * ext4 goes on after an error unless it is told otherwise, on metadata that it knows to be wrong. In
 * the sealed phase it stops: with the machine where that is what a failure does, and else by taking
 * no more writes, since the kernel has no other action of its own.
 */
static const char *errors_option(const struct layer *layer, const char *options)
{
	const char *type = layer->mount->type;

	if (layer->common.phase != PHASE_SEALED || !type || !startswith(type, "ext") ||
		options_have_key(options, "errors="))
		return NULL;
	return layer->common.fail == FAIL_PANIC ? "errors=panic" : "errors=remount-ro";
}

static int check_text(const char *key, const char *value, struct diag *diag)
{
	for (const char *p = value; p && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return diag_set(
				diag, -EINVAL, "the mount's \"%s\" has a control character", key);
	return 0;
}

int unit_mount_check(const struct layer *layer, struct diag *diag)
{
	const struct mount_hint *hint = layer->mount;
	_cleanup_(buf_done) struct buf name = {};
	int r;

	if (!hint || !hint->where)
		return 0;
	if ((r = check_text("where", hint->where, diag)) < 0 ||
		(r = check_text("type", hint->type, diag)) < 0 ||
		(r = check_text("options", hint->options, diag)) < 0 ||
		(r = check_text("options-sealed", hint->options_sealed, diag)) < 0)
		return r;
	r = unit_name_escape_path(&name, hint->where);
	if (r < 0)
		return diag_set(diag, r,
			"the mount point \"%s\" is not an absolute path without \"..\"",
			hint->where);
	/* "sysroot-NAME.mount" inside "TARGET.requires" */
	if (name.size > UNIT_NAME_SIZE_MAX - strlen("sysroot-.mount"))
		return diag_set(diag, -ENAMETOOLONG,
			"the mount point \"%s\" is too long for a unit", hint->where);
	return buf_error(&name);
}

/*
 * The host's unit for the root file system has the same name, so it is not checked again after
 * switch-root. Without the program, as in a small initrd, there is nothing to check with.
 */
static void fsck_root_add(struct units *u, const struct mount *m)
{
	struct buf *buf =
		unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL, NULL, "systemd-fsck-root.service");
	const bool sealed = m->layer->common.phase != PHASE_BOOTSTRAP;

	buf_puts(buf, GENERATED_HEAD "Description=File System Check on the Root Layer\n"
				     "Documentation=man:systemd-fsck-root.service(8)\n"
				     "DefaultDependencies=no\n"
				     "ConditionFileIsExecutable=" FSCK_PATH "\n");
	put_mapper_unit(buf, "BindsTo=", m->layer->name, ".device\n");
	put_mapper_unit(buf, "After=", m->layer->name, ".device");
	buf_puts(buf, " initrd-root-device.target local-fs-pre.target\n"
		      "Conflicts=shutdown.target\n"
		      "Before=shutdown.target\n");
	unit_put_sealed(buf, m->layer);
	buf_puts(buf, "\n[Service]\n"
		      "Type=oneshot\n"
		      "RemainAfterExit=yes\n");
	/* The sealed phase has no wait without an end. */
	buf_puts(buf, sealed ? "TimeoutSec=1h\n" : "TimeoutSec=infinity\n");
	buf_puts(buf, "ExecStart=" FSCK_PATH " ");
	buf_puts(buf, "/dev/mapper/");
	unit_value_puts(buf, m->layer->name);
	buf_putc(buf, '\n');
	unit_tree_end_file(u->tree);
}

static void put_fsck(struct buf *buf, const struct mount *m)
{
	const char *edge = m->layer->common.nofail ? "Wants=" : "Requires=";

	if (m->read_only)
		return;
	if (m->root) {
		buf_puts(buf, "Requires=systemd-fsck-root.service\n"
			      "After=systemd-fsck-root.service\n");
		return;
	}
	buf_puts(buf, edge);
	put_mapper_unit(buf, "systemd-fsck@", m->layer->name, ".service\n");
	put_mapper_unit(buf, "After=systemd-fsck@", m->layer->name, ".service\n");
}

static void put_mount_section(struct buf *buf, const struct mount *m)
{
	const struct mount_hint *hint = m->layer->mount;

	buf_puts(buf, "\n[Mount]\nWhat=/dev/mapper/");
	unit_value_puts(buf, m->layer->name);
	buf_puts(buf, "\nWhere=");
	unit_value_puts(buf, m->where);
	if (hint->type) {
		buf_puts(buf, "\nType=");
		unit_value_puts(buf, hint->type);
	}
	const char *errors = errors_option(m->layer, m->options);
	/* systemd itself looks for the last two, when it orders the mount. */
	const struct {
		const char *word;
		bool wanted;
	} more[] = {
		{ "ro", m->read_only },
		{ errors, errors != NULL },
		{ "nofail", m->layer->common.nofail },
		{ "_netdev", m->layer->common.netdev },
	};
	const char *before = *m->options ? "," : "\nOptions=";

	if (*m->options) {
		buf_puts(buf, "\nOptions=");
		unit_value_puts(buf, m->options);
	}
	for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
		if (!more[i].wanted || options_have(m->options, more[i].word))
			continue;
		buf_printf(buf, "%s%s", before, more[i].word);
		before = ",";
	}
	buf_putc(buf, '\n');
}

static void mount_unit_add(struct units *u, const struct mount *m)
{
	const struct layer_common *common = &m->layer->common;
	_cleanup_(buf_done) struct buf name = {};
	struct buf *buf;

	if (unit_name_escape_path(&name, m->where) < 0)
		return;
	buf_puts(&name, ".mount");
	buf = unit_tree_add_file(u->tree, m->place, NULL, buf_str(&name));
	buf_puts(buf, GENERATED_HEAD "Documentation=man:dmstack-generator(8)\n");
	if (m->layer->source_path) {
		buf_puts(buf, "SourcePath=");
		unit_value_puts(buf, m->layer->source_path);
		buf_putc(buf, '\n');
	}
	if (!common->nofail)
		buf_printf(buf, "Before=%s\n", m->target);
	if (common->netdev)
		buf_puts(buf, "After=remote-fs-pre.target\n");
	put_fsck(buf, m);
	unit_put_sealed(buf, m->layer);
	put_mount_section(buf, m);
	unit_tree_end_file(u->tree);

	if (common->noauto)
		return;
	_cleanup_(buf_done) struct buf folder = {}, target = {};

	buf_printf(&folder, "%s.%s", m->target, common->nofail ? "wants" : "requires");
	buf_printf(&target, "../%s", buf_str(&name));
	unit_tree_add_link(u->tree, m->place, buf_str(&folder), buf_str(&name), buf_str(&target));
}

/*
 * So that dracut's and systemd's own units that wait for the root device wait for this one. The name
 * is that of systemd's generators: with UEFI, systemd-gpt-auto-generator writes one in the folder
 * behind this, which would wait for a partition that it can open alone.
 */
static void root_device_add(struct units *u, const struct layer *layer)
{
	struct buf *buf = unit_tree_add_file(u->tree, UNIT_PLACE_NORMAL,
		"initrd-root-device.target.d", "50-root-device.conf");

	buf_puts(buf, GENERATED_HEAD);
	put_mapper_unit(buf, "Requires=", layer->name, ".device\n");
	put_mapper_unit(buf, "After=", layer->name, ".device\n");
	unit_tree_end_file(u->tree);
}

void unit_mount_add(struct units *u, const struct layer *layer)
{
	const struct mount_hint *hint = layer->mount;

	if (!hint || !hint->where)
		return;
	const bool root = streq(hint->where, "/"), usr = streq(hint->where, "/usr");
	const bool sealed = layer->common.phase != PHASE_BOOTSTRAP;
	const char *options = sealed && hint->options_sealed ? hint->options_sealed : hint->options;
	struct mount m = {
		.layer = layer,
		.where = hint->where,
		.options = options ?: "",
		.target = layer->common.netdev ? "remote-fs.target" : "local-fs.target",
		/* A unit of that name from anywhere else wins, too. */
		.place = UNIT_PLACE_LATE,
		.root = root,
	};

	m.read_only = layer_is_read_only(layer) || options_have(m.options, "ro");
	/* The initrd mounts these two; there, nothing else is mounted. */
	if ((root || usr) != u->in->initrd || (root && u->in->root_given))
		return;
	/* The administrator's word wins over the hint, down to a "noauto". */
	if (!u->in->initrd && u->in->mount_is_configured &&
		u->in->mount_is_configured(m.where, u->in->userdata))
		return;
	if (u->in->initrd) {
		m.where = root ? "/sysroot" : "/sysroot/usr";
		m.target = root ? "initrd-root-fs.target" : "initrd-usr-fs.target";
		m.place = UNIT_PLACE_NORMAL;
	}
	if (root) {
		root_device_add(u, layer);
		if (!m.read_only)
			fsck_root_add(u, &m);
	}
	mount_unit_add(u, &m);
}
