#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/status/status_macros.h"
#include "services/cli/commands.h"
#include "services/cli/session.h"
#include "services/cli/table.h"

#include "waybill/site/v1/site_service.grpc.pb.h"

namespace waybill::cli {
namespace {

using site::v1::SiteService;

struct Put {
  std::string name;
  std::vector<std::string> workstations;
  std::vector<std::string> servers;
};

absl::StatusOr<ExitCode> RunPut(Session& session, const Put& put) {
  site::v1::PutGroupRequest request;
  request.mutable_group()->set_group_name(put.name);
  request.mutable_group()->set_kind(put.servers.empty() ? site::v1::GROUP_KIND_WORKSTATIONS
                                                        : site::v1::GROUP_KIND_SERVERS);
  for (const std::string& member : put.servers.empty() ? put.workstations : put.servers) {
    request.mutable_group()->add_members(member);
  }
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Scheduler());
  const auto stub = SiteService::NewStub(channel);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<site::v1::PutGroupResponse>([&](auto* context, auto* answer) {
                             return stub->PutGroup(context, request, answer);
                           }));
  if (session.json()) {
    Session::PrintJson(response.group());
  } else {
    std::cout << put.name << " has " << response.group().members_size() << " members\n";
  }
  return kOk;
}

absl::StatusOr<ExitCode> RunList(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Scheduler());
  const auto stub = SiteService::NewStub(channel);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<site::v1::ListGroupsResponse>([&](auto* context, auto* answer) {
                             return stub->ListGroups(context, {}, answer);
                           }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"GROUP", "OF"});
  for (const auto& group : response.groups()) {
    table.Add({group.group_name(),
               group.kind() == site::v1::GROUP_KIND_SERVERS ? "servers" : "workstations"});
  }
  std::cout << table.ToString();
  return kOk;
}

}  // namespace

void AddGroupCommands(CLI::App& app, Session& session) {
  CLI::App* group = AddNoun(app, "group", "named lists of workstations or of servers");
  CLI::App* verb = AddVerb(*group, "put", "create a group or replace its members",
                           "waybill group put pilots --workstations NYC00001,BOS00003\n"
                           "  waybill group put 'Default Servers' --servers 'NYC|DS1'");
  const auto put = std::make_shared<Put>();
  verb->add_option("NAME", put->name, "'Default Servers' is this site's default")->required();
  CLI::Option* workstations =
      verb->add_option("--workstations", put->workstations, "SMS IDs, comma-separated")
          ->delimiter(',');
  verb->add_option("--servers", put->servers, "SITE|SERVER, comma-separated")
      ->delimiter(',')
      ->excludes(workstations);
  verb->callback(
      [&session, put] { session.SetWork([&session, put] { return RunPut(session, *put); }); });
  CLI::App* list = AddVerb(*group, "list", "groups of this site", "waybill group list");
  list->callback([&session] { session.SetWork([&session] { return RunList(session); }); });
}

}  // namespace waybill::cli
