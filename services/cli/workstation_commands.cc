#include <algorithm>
#include <cstdint>
#include <iostream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <grpcpp/client_context.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/rpc/grpc_status.h"
#include "common/status/status_macros.h"
#include "common/tree/directory.h"
#include "services/cli/commands.h"
#include "services/cli/format.h"
#include "services/cli/progress.h"
#include "services/cli/session.h"
#include "services/cli/table.h"
#include "services/cli/workstation_file.h"

#include "waybill/site/v1/site_service.grpc.pb.h"

namespace waybill::cli {
namespace {

using site::v1::SiteService;
using site::v1::Workstation;

constexpr std::int64_t kFileBytesMax = 256 << 20;
constexpr std::size_t kBatch = 1000;  // The protocol's limit for a message.

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  if (path == "-") {
    return std::string(std::istreambuf_iterator<char>(std::cin), {});
  }
  const std::size_t slash = path.rfind('/');
  const bool here = slash == std::string::npos;
  WAYBILL_ASSIGN_OR_RETURN(
      const tree::Directory directory,
      tree::Directory::Open(here ? "." : path.substr(0, std::max<std::size_t>(slash, 1))));
  return directory.ReadFile(here ? path : path.substr(slash + 1), kFileBytesMax);
}

absl::StatusOr<ExitCode> Import(Session& session, const std::string& path) {
  WAYBILL_ASSIGN_OR_RETURN(const std::string text, ReadAll(path));
  WAYBILL_ASSIGN_OR_RETURN(const std::vector<Workstation> workstations, ParseWorkstations(text));
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Scheduler());
  const auto stub = SiteService::NewStub(channel);
  grpc::ClientContext context;  // As long as it takes: each message makes progress.
  site::v1::PutWorkstationsResponse response;
  const auto stream = stub->PutWorkstations(&context, &response);
  {
    Progress progress(session.is_terminal());
    for (std::size_t i = 0; i < workstations.size(); i += kBatch) {
      site::v1::PutWorkstationsRequest request;
      const std::size_t end = std::min(workstations.size(), i + kBatch);
      request.mutable_workstations()->Add(workstations.begin() + static_cast<std::ptrdiff_t>(i),
                                          workstations.begin() + static_cast<std::ptrdiff_t>(end));
      if (!stream->Write(request)) {
        break;
      }
      progress.Show(absl::StrCat("registering ", end, " of ", workstations.size()));
    }
    stream->WritesDone();
  }
  WAYBILL_RETURN_IF_ERROR(rpc::FromGrpcStatus(stream->Finish()));
  if (session.json()) {
    Session::PrintJson(response);
  } else {
    std::cout << response.created_count() << " registered, " << response.updated_count()
              << " updated\n";
  }
  return kOk;
}

absl::StatusOr<ExitCode> List(Session& session, const std::string& machine_path) {
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Scheduler());
  const auto stub = SiteService::NewStub(channel);
  site::v1::ListWorkstationsRequest request;
  request.set_machine_path(machine_path);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           ListAll<site::v1::ListWorkstationsResponse>(
                               request, [&](auto* context, const auto& page, auto* answer) {
                                 return stub->ListWorkstations(context, page, answer);
                               }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"WORKSTATION", "SITE", "DOMAIN", "HOST", "SYSTEM", "REGISTERED"});
  for (const Workstation& workstation : response.workstations()) {
    table.Add({workstation.sms_id(), workstation.site_code(), workstation.domain(),
               workstation.host_name(), workstation.operating_system(),
               When(workstation.has_register_time(), workstation.register_time())});
  }
  std::cout << table.ToString();
  return kOk;
}

}  // namespace

void AddWorkstationCommands(CLI::App& app, Session& session) {
  CLI::App* workstation = AddNoun(app, "workstation", "the machines that jobs are for");
  CLI::App* import =
      AddVerb(*workstation, "import", "register workstations of this site from a file",
              "printf 'host_name,domain,operating_system\\nws1,SALES,linux\\n' | waybill "
              "workstation import -");
  const auto path = std::make_shared<std::string>();
  import
      ->add_option("FILE", *path,
                   "comma-separated values; the first line names the columns: host_name, domain, "
                   "sms_id, operating_system, and any others as properties; - for standard input")
      ->required();
  import->callback(
      [&session, path] { session.SetWork([&session, path] { return Import(session, *path); }); });

  CLI::App* list = AddVerb(*workstation, "list", "workstations of this site and below",
                           "waybill workstation list --path 'NYC|SALES|*'");
  const auto machine_path = std::make_shared<std::string>();
  list->add_option("--path", *machine_path, "site|domain|host, * for any");
  list->callback([&session, machine_path] {
    session.SetWork([&session, machine_path] { return List(session, *machine_path); });
  });
}

}  // namespace waybill::cli
