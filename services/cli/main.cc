// The administrator's command line: flags -> one call -> text or JSON.

#include <string>

#include <CLI/CLI.hpp>

#include "services/cli/commands.h"
#include "services/cli/session.h"

namespace waybill::cli {

CLI::App* AddNoun(CLI::App& app, const std::string& name, const std::string& description) {
  CLI::App* noun = app.add_subcommand(name, description);
  noun->require_subcommand(1);
  noun->fallthrough();
  return noun;
}

CLI::App* AddVerb(CLI::App& noun, const std::string& name, const std::string& description,
                  const std::string& example) {
  CLI::App* verb = noun.add_subcommand(name, description);
  verb->footer("\nexample\n  " + example);
  verb->fallthrough();
  return verb;
}

}  // namespace waybill::cli

namespace cli = waybill::cli;

int main(int argc, char** argv) {
  cli::Session session;
  CLI::App app("waybill: distribute software down a tree of sites", "waybill");
  app.set_version_flag("--version", WAYBILL_VERSION);
  app.require_subcommand(1);
  app.footer(
      "\nFlags that say where and who may come from the environment: WAYBILL_SERVER, "
      "WAYBILL_SENDER,\n"
      "WAYBILL_SITE, WAYBILL_CERTS, WAYBILL_ADMIN. Exit codes: 0 done, 1 the call failed, 2 wrong "
      "usage,\n"
      "3 the watched job failed, 4 it was cancelled.\n\n"
      "example\n  waybill --site CEN --certs certs job list");
  session.AddOptions(app);
  cli::AddJobCommands(app, session);
  cli::AddPackageCommands(app, session);
  cli::AddSiteCommands(app, session);
  cli::AddServerCommands(app, session);
  cli::AddGroupCommands(app, session);
  cli::AddWorkstationCommands(app, session);
  cli::AddSendCommands(app, session);
  cli::AddHealthCommand(app, session);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? cli::kOk : cli::kUsage;
  }
  return session.RunWork();
}
