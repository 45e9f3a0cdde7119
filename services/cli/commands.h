#ifndef WAYBILL_SERVICES_CLI_COMMANDS_H_
#define WAYBILL_SERVICES_CLI_COMMANDS_H_

#include <string>

#include <CLI/CLI.hpp>
#include <grpcpp/channel.h>

#include "absl/status/statusor.h"

#include "services/cli/session.h"

/// The command line, a noun a file. Each function adds a noun with its verbs to `app`; the chosen
/// verb gives `session` its work. Options belong to the closures that CLI11 keeps.
namespace waybill::cli {

void AddJobCommands(CLI::App& app, Session& session);
void AddJobSubmitCommand(CLI::App& job, Session& session);
void AddPackageCommands(CLI::App& app, Session& session);
void AddSiteCommands(CLI::App& app, Session& session);
void AddServerCommands(CLI::App& app, Session& session);
void AddGroupCommands(CLI::App& app, Session& session);
void AddWorkstationCommands(CLI::App& app, Session& session);
void AddSendCommands(CLI::App& app, Session& session);
void AddHealthCommand(CLI::App& app, Session& session);

/// A noun that shows its verbs when none is given.
CLI::App* AddNoun(CLI::App& app, const std::string& name, const std::string& description);

/// A verb with an example in its --help.
CLI::App* AddVerb(CLI::App& noun, const std::string& name, const std::string& description,
                  const std::string& example);

/// Follows a job until it has ended, with progress; then prints it. For `job watch` and
/// `job submit --watch`.
absl::StatusOr<ExitCode> WatchJob(Session& session, const std::string& job_id);

/// The package id for a name or an id. NOT_FOUND if there is none.
absl::StatusOr<std::string> FindPackageId(Session& session, const std::string& name_or_id);

}  // namespace waybill::cli

#endif  // WAYBILL_SERVICES_CLI_COMMANDS_H_
