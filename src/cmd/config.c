/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * From files to a linked stack. Errors are logged as they are found, since there may be many.
 */

#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "cmdline.h"
#include "parse.h"
#include "trust.h"

struct report {
	enum log_level level;
	size_t n;
	bool sealed;
	struct manifest_judge judge;
};

static void report_done(struct report *report)
{
	manifest_judge_done(&report->judge);
}

static void report_diag(struct report *report, const struct diag *diag)
{
	if (diag->where)
		log_full(report->level, "%s: %s", diag->where, diag->what ?: "not usable");
	else
		log_full(report->level, "%s", diag->what ?: "not usable");
	report->n++;
}

static void on_load_error(void *userdata, const struct load_error *error)
{
	struct report *report = userdata;

	report->sealed = report->sealed || (error->phase == PHASE_SEALED && !error->guess);
	report_diag(report, &error->diag);
}

static int judge_file(void *userdata, const struct load_text *text, struct diag *diag)
{
	struct report *report = userdata;

	return manifest_judge(&report->judge, text, diag);
}

bool config_in_initrd(void)
{
	const char *env = getenv("SYSTEMD_IN_INITRD");
	bool answer;

	if (env && parse_bool(env, &answer) == 0)
		return answer;
	return access("/etc/initrd-release", F_OK) == 0;
}

static bool tree_is_initrd(const char *root)
{
	_cleanup_close_ int fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd >= 0 && faccessat(fd, "etc/initrd-release", F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* A word that is wrong must not keep a stack from coming up; the rest of the line counts. */
static int apply_cmdline(struct stack *stack, bool initrd, struct report *report)
{
	_cleanup_(cmdline_done) struct cmdline cmdline = {};
	_cleanup_(diag_done) struct diag diag = {};
	int r;

	r = cmdline_read(initrd, &cmdline, &diag);
	if (r > 0)
		report_diag(report, &diag);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		log_full(report->level, "the kernel command line cannot be read: %s",
			diag.what ?: "no /proc");
	diag_done(&diag);

	r = cmdline_apply(&cmdline, stack, &diag);
	if (r > 0)
		report_diag(report, &diag);
	if (initrd)
		cmdline_mark_initrd(&cmdline, stack);
	/* What could not be read is then sealed, too. */
	report->sealed = report->sealed || (cmdline.sealed && report->n > 0);
	return r < 0 ? r : 0;
}

static void report_layers(struct report *report, const struct stack *stack)
{
	for (size_t i = 0; i < stack->n_layers; i++) {
		const struct layer *layer = stack->layers[i];

		if (!layer->broken)
			continue;
		report->sealed = report->sealed || layer->common.phase == PHASE_SEALED;
		report_diag(report, &layer->error);
	}
	if (stack->seal && stack->seal->broken) {
		report->sealed = true;
		report_diag(report, &stack->seal->error);
	}
}

void config_report_done(struct config_report *report)
{
	load_files_done(&report->files);
}

int config_load(const char *root, enum log_level level, struct stack *ret, size_t *ret_errors)
{
	_cleanup_(config_report_done) struct config_report report = {};
	const struct config_request request = { .root = root, .level = level };
	int r = config_load_report(&request, ret, &report);

	if (r >= 0)
		*ret_errors = report.n_errors;
	return r;
}

int config_load_report(
	const struct config_request *config, struct stack *ret, struct config_report *ret_report)
{
	const char *root = config->root;
	_cleanup_(load_files_done) struct load_files files = {};
	_cleanup_(stack_done) struct stack stack = { .demands_trust = true };
	_cleanup_(report_done) struct report report = {
		.level = config->level,
		.judge.in_initrd =
			config->initrd || (root ? tree_is_initrd(root) : config_in_initrd()),
	};
	const struct load_request request = {
		.root = root,
		.on_error = on_load_error,
		.judge = judge_file,
		.userdata = &report,
	};
	int r;

	r = load_stack(&request, &stack, &files);
	if (r < 0)
		return r;
	if (!root) {
		r = apply_cmdline(&stack, config->initrd || config_in_initrd(), &report);
		if (r < 0)
			return r;
	}
	r = stack_link(&stack);
	if (r < 0)
		return r;
	report_layers(&report, &stack);
	*ret_report = (struct config_report){
		.n_errors = report.n,
		.sealed = report.sealed,
		.files = files,
	};
	files = (struct load_files){};
	*ret = stack;
	stack = (struct stack){};
	return 0;
}

int config_find(const struct stack *stack, const char *name, struct layer **ret, struct diag *diag)
{
	struct layer *layer = stack_find(stack, name);

	if (!layer)
		return diag_set(diag, -ENOENT, "\"%s\" is not configured", name);
	*ret = layer;
	return 0;
}

void config_print_devices(const struct layer *layer, const char *separator, struct buf *buf)
{
	for (size_t i = 0; i < layer->n_devices; i++) {
		if (i > 0)
			buf_puts(buf, separator);
		if (layer->devices[i].role > 0)
			buf_printf(buf, "%s=", layer->type->roles[layer->devices[i].role].name);
		devref_print(&layer->devices[i].ref, buf);
	}
}
