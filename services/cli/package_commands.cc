#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>
#include <grpcpp/client_context.h>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

#include "common/model/ids.h"
#include "common/model/proto_time.h"
#include "common/random/random_id.h"
#include "common/rpc/grpc_status.h"
#include "common/status/status_macros.h"
#include "services/cli/commands.h"
#include "services/cli/format.h"
#include "services/cli/progress.h"
#include "services/cli/session.h"
#include "services/cli/table.h"

#include "waybill/package/v1/package_service.grpc.pb.h"

namespace waybill::cli {
namespace {

using package::v1::PackageService;
using package::v1::PackageVersion;

absl::StatusOr<std::unique_ptr<PackageService::Stub>> Stub(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Scheduler());
  return PackageService::NewStub(channel);
}

struct Create {
  std::string name;
  std::string source_directory;
  std::string comment;
  std::vector<std::string> commands;
  std::string time_limit = "1h";
  std::vector<int> success_exit_codes;
  std::vector<std::string> platforms;
  std::string request_id;
};

// "NAME=PROGRAM ARGUMENT..." with shell-like quotes; no shell ever sees it.
absl::StatusOr<package::v1::Command> CommandOf(const Create& create, const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("--command '", OneLine(text),
                     "': expected NAME=PROGRAM ARGUMENT..., such as 'hello=bin/hello --loud'"));
  }
  package::v1::Command command;
  command.set_command_name(text.substr(0, equals));
  for (std::string& word : CLI::detail::split_up(text.substr(equals + 1))) {
    command.add_arguments(CLI::detail::remove_quotes(word));
  }
  absl::Duration time_limit;
  if (!absl::ParseDuration(create.time_limit, &time_limit)) {
    return absl::InvalidArgumentError(absl::StrCat("--time-limit '", OneLine(create.time_limit),
                                                   "': expected a duration, such as 10m"));
  }
  *command.mutable_time_limit() = model::ToProto(time_limit);
  command.mutable_success_exit_codes()->Add(create.success_exit_codes.begin(),
                                            create.success_exit_codes.end());
  for (const std::string& platform : create.platforms) {
    command.add_platforms(platform);
  }
  return command;
}

absl::StatusOr<ExitCode> RunCreate(Session& session, const Create& create) {
  package::v1::CreatePackageRequest request;
  request.set_request_id(create.request_id.empty() ? RandomId() : create.request_id);
  request.set_name(create.name);
  request.set_comment(create.comment);
  request.set_source_directory(create.source_directory);
  for (const std::string& text : create.commands) {
    WAYBILL_ASSIGN_OR_RETURN(*request.add_commands(), CommandOf(create, text));
  }
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto response,
      Call<package::v1::CreatePackageResponse>([&](auto* context, auto* answer) {
        return stub->CreatePackage(context, request, answer);
      }));
  if (session.json()) {
    Session::PrintJson(response.package());
  } else {
    std::cout << response.package().package_id() << "\n";
    std::cerr << "created; `waybill package import " << create.name << "` reads its source\n";
  }
  return kOk;
}

void PrintImport(const package::v1::ImportVersionResponse& last, absl::Duration elapsed) {
  const PackageVersion& version = last.version();
  if (last.unchanged()) {
    std::cout << version.version() << "\n";
    std::cerr << "unchanged: the source equals this version, nothing was added\n";
    return;
  }
  std::cout << version.version() << "\n";
  std::cerr << version.file_count() << " files, " << Bytes(version.plain_bytes()) << ", compressed "
            << Bytes(version.stored_bytes()) << ", of which new " << Bytes(last.new_stored_bytes())
            << ", in " << Length(elapsed) << "\n";
  for (const std::string& path : version.skipped_paths()) {
    std::cerr << "left out: " << OneLine(path) << "\n";
  }
  for (const std::string& path : version.set_id_paths()) {
    std::cerr << "without its set-id or sticky bit: " << OneLine(path) << "\n";
  }
}

absl::StatusOr<ExitCode> RunImport(Session& session, const std::string& package, bool skip_unsafe) {
  package::v1::ImportVersionRequest request;
  request.set_skip_unsafe(skip_unsafe);
  WAYBILL_ASSIGN_OR_RETURN(*request.mutable_package_id(), FindPackageId(session, package));
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  grpc::ClientContext context;  // As long as it takes: the server ends it when nothing moves.
  const auto stream = stub->ImportVersion(&context, request);
  const absl::Time start = absl::Now();
  package::v1::ImportVersionResponse response;
  {
    Progress progress(session.is_terminal());
    while (stream->Read(&response)) {
      if (response.has_progress()) {
        const auto& at = response.progress();
        progress.Show(
            absl::StrCat("importing ", at.files_done(), " of ", at.files_total(), " files, ",
                         BytesOf(at.bytes_done(), at.bytes_total()), "  ",
                         RateAndTimeLeft(at.bytes_done(), at.bytes_total(), absl::Now() - start)));
      }
    }
  }
  WAYBILL_RETURN_IF_ERROR(rpc::FromGrpcStatus(stream->Finish()));
  if (session.json()) {
    Session::PrintJson(response);
  } else {
    PrintImport(response, absl::Now() - start);
  }
  return kOk;
}

absl::StatusOr<ExitCode> RunList(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto response,
      ListAll<package::v1::ListPackagesResponse>(
          package::v1::ListPackagesRequest(), [&](auto* context, const auto& page, auto* answer) {
            return stub->ListPackages(context, page, answer);
          }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"PACKAGE", "NAME", "COMMANDS", "CREATED", "SOURCE", "COMMENT"});
  for (const auto& package : response.packages()) {
    std::string commands;
    for (const auto& command : package.commands()) {
      absl::StrAppend(&commands, commands.empty() ? "" : ", ", command.command_name());
    }
    table.Add({package.package_id(), package.name(), commands,
               When(package.has_create_time(), package.create_time()), package.source_directory(),
               package.comment()});
  }
  std::cout << table.ToString();
  return kOk;
}

absl::StatusOr<ExitCode> RunVersions(Session& session, const std::string& package) {
  package::v1::ListVersionsRequest request;
  WAYBILL_ASSIGN_OR_RETURN(*request.mutable_package_id(), FindPackageId(session, package));
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           ListAll<package::v1::ListVersionsResponse>(
                               request, [&](auto* context, const auto& page, auto* answer) {
                                 return stub->ListVersions(context, page, answer);
                               }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"VERSION", "FILES>", "SIZE>", "COMPRESSED>", "SINCE"});
  for (const PackageVersion& version : response.versions()) {
    table.Add({version.version(), absl::StrCat(version.file_count()), Bytes(version.plain_bytes()),
               Bytes(version.stored_bytes()),
               When(version.has_create_time(), version.create_time())});
  }
  std::cout << table.ToString();
  return kOk;
}

absl::StatusOr<ExitCode> RunLocations(Session& session, const std::string& package) {
  package::v1::ListLocationsRequest request;
  WAYBILL_ASSIGN_OR_RETURN(*request.mutable_package_id(), FindPackageId(session, package));
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           ListAll<package::v1::ListLocationsResponse>(
                               request, [&](auto* context, const auto& page, auto* answer) {
                                 return stub->ListLocations(context, page, answer);
                               }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"SITE", "WHERE", "VERSION", "SIZE>", "SINCE", "DIRECTORY"});
  for (const auto& location : response.locations()) {
    const bool store = location.kind() == package::v1::LOCATION_KIND_STORE;
    table.Add({location.site_code(), store ? "(store)" : location.server_name(),
               ShortVersion(location.version()), store ? "" : Bytes(location.plain_bytes()),
               When(location.has_observe_time(), location.observe_time()), location.directory()});
  }
  std::cout << table.ToString();
  return kOk;
}

void AddCreate(CLI::App& package, Session& session) {
  CLI::App* verb = AddVerb(package, "create", "name a package, its source and its commands",
                           "waybill package create java --source /srv/source/java --command "
                           "'version=bin/java -version'");
  const auto create = std::make_shared<Create>();
  verb->add_option("NAME", create->name, "unique at the site")->required();
  verb->add_option("--source", create->source_directory,
                   "absolute directory on the site server, beneath a configured source folder")
      ->required();
  verb->add_option("--comment", create->comment, "for administrators");
  verb->add_option(
      "--command", create->commands,
      "NAME=PROGRAM ARGUMENT...; PROGRAM beneath the package or absolute; may be repeated");
  verb->add_option("--time-limit", create->time_limit, "for every command")->capture_default_str();
  verb->add_option("--success-exit-code", create->success_exit_codes,
                   "default: 0; may be repeated");
  verb->add_option("--platform", create->platforms,
                   "operating systems; default: all; may be repeated");
  verb->add_option("--request-id", create->request_id, "repeat with the same to create only once");
  verb->callback([&session, create] {
    session.SetWork([&session, create] { return RunCreate(session, *create); });
  });
}

}  // namespace

absl::StatusOr<std::string> FindPackageId(Session& session, const std::string& name_or_id) {
  package::v1::GetPackageRequest request;
  if (model::CheckPackageId("package", name_or_id).ok()) {
    request.set_package_id(name_or_id);
  } else {
    request.set_name(name_or_id);
  }
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<package::v1::GetPackageResponse>([&](auto* context, auto* answer) {
                             return stub->GetPackage(context, request, answer);
                           }));
  return response.package().package_id();
}

void AddPackageCommands(CLI::App& app, Session& session) {
  CLI::App* package = AddNoun(app, "package", "software: create, import, where it stands");
  AddCreate(*package, session);

  CLI::App* import = AddVerb(*package, "import", "read the source and keep it as a version",
                             "waybill package import java");
  const auto source = std::make_shared<std::pair<std::string, bool>>();
  import->add_option("PACKAGE", source->first, "name or id")->required();
  import->add_flag(
      "--skip-unsafe", source->second,
      "leave out what cannot be carried (devices, links that leave the tree) instead of refusing");
  import->callback([&session, source] {
    session.SetWork(
        [&session, source] { return RunImport(session, source->first, source->second); });
  });

  CLI::App* list = AddVerb(*package, "list", "packages of this site", "waybill package list");
  list->callback([&session] { session.SetWork([&session] { return RunList(session); }); });

  const auto add_by_name = [&](const std::string& name, const std::string& description,
                               absl::StatusOr<ExitCode> (*work)(Session&, const std::string&)) {
    CLI::App* verb = AddVerb(*package, name, description, "waybill package " + name + " java");
    const auto which = std::make_shared<std::string>();
    verb->add_option("PACKAGE", *which, "name or id")->required();
    verb->callback([&session, which, work] {
      session.SetWork([&session, which, work] { return work(session, *which); });
    });
  };
  add_by_name("versions", "versions that this site holds, newest first", RunVersions);
  add_by_name("locations", "every store and server that has it, in this site and below",
              RunLocations);
}

}  // namespace waybill::cli
