#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#include "common/status/status_macros.h"
#include "services/cli/commands.h"
#include "services/cli/format.h"
#include "services/cli/session.h"
#include "services/cli/table.h"

#include "waybill/site/v1/site_service.grpc.pb.h"

namespace waybill::cli {
namespace {

using site::v1::SiteService;

absl::StatusOr<std::unique_ptr<SiteService::Stub>> Stub(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto channel, session.Scheduler());
  return SiteService::NewStub(channel);
}

struct Server {
  std::string name;
  std::vector<std::string> shares;
  std::vector<std::string> urls;
  std::string directory;
};

// What is given as DRIVE=VALUE.
absl::StatusOr<std::pair<std::string, std::string>> SplitDrive(const std::string& option,
                                                               const std::string& text,
                                                               const std::string& expected) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, " '", OneLine(text), "': expected ", expected));
  }
  return std::make_pair(text.substr(0, equals), text.substr(equals + 1));
}

// The share of the drive that a --url names.
absl::StatusOr<site::v1::Share*> FindShare(site::v1::DistributionServer& server,
                                           const std::string& drive, const std::string& text) {
  for (site::v1::Share& share : *server.mutable_shares()) {
    if (share.drive() != drive) continue;
    if (share.url().empty()) return &share;
    return absl::InvalidArgumentError(
        absl::StrCat("--url '", OneLine(text), "': drive ", drive, " has a URL already"));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--url '", OneLine(text), "': there is no --share of that drive: name it as well"));
}

absl::StatusOr<site::v1::DistributionServer> ToProto(const Server& server) {
  site::v1::DistributionServer proto;
  proto.set_server_name(server.name);
  for (const std::string& text : server.shares) {
    WAYBILL_ASSIGN_OR_RETURN(auto parts,
                             SplitDrive("--share", text, "DRIVE=DIRECTORY, such as c=/srv/ds1"));
    site::v1::Share& share = *proto.add_shares();
    share.set_drive(std::move(parts.first));
    share.set_directory(std::move(parts.second));
  }
  for (const std::string& text : server.urls) {
    WAYBILL_ASSIGN_OR_RETURN(auto parts,
                             SplitDrive("--url", text, "DRIVE=URL, such as c=http://ds1.nyc:8080"));
    WAYBILL_ASSIGN_OR_RETURN(site::v1::Share* const share, FindShare(proto, parts.first, text));
    share->set_url(std::move(parts.second));
  }
  return proto;
}

absl::StatusOr<ExitCode> PutDistribution(Session& session, const Server& server) {
  site::v1::PutDistributionServerRequest request;
  WAYBILL_ASSIGN_OR_RETURN(*request.mutable_server(), ToProto(server));
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto response,
      Call<site::v1::PutDistributionServerResponse>([&](auto* context, auto* answer) {
        return stub->PutDistributionServer(context, request, answer);
      }));
  if (session.json()) {
    Session::PrintJson(response.server());
  } else {
    std::cout << server.name << " is registered\n";
  }
  return kOk;
}

absl::StatusOr<ExitCode> ListDistribution(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto response,
      Call<site::v1::ListDistributionServersResponse>([&](auto* context, auto* answer) {
        return stub->ListDistributionServers(context, {}, answer);
      }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"SITE", "SERVER", "DRIVE", "DIRECTORY", "URL"});
  for (const auto& server : response.servers()) {
    for (const auto& share : server.shares()) {
      table.Add({server.site_code(), server.server_name(), share.drive(), share.directory(),
                 share.url()});
    }
  }
  std::cout << table.ToString();
  return kOk;
}

absl::StatusOr<ExitCode> PutLogon(Session& session, const Server& server) {
  site::v1::PutLogonServerRequest request;
  request.mutable_server()->set_server_name(server.name);
  request.mutable_server()->set_directory(server.directory);
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<site::v1::PutLogonServerResponse>([&](auto* context, auto* answer) {
                             return stub->PutLogonServer(context, request, answer);
                           }));
  if (session.json()) {
    Session::PrintJson(response.server());
  } else {
    std::cout << server.name << " is registered\n";
  }
  return kOk;
}

absl::StatusOr<ExitCode> ListLogon(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(
      const auto response,
      Call<site::v1::ListLogonServersResponse>([&](auto* context, auto* answer) {
        return stub->ListLogonServers(context, {}, answer);
      }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"SITE", "SERVER", "DIRECTORY"});
  for (const auto& server : response.servers()) {
    table.Add({server.site_code(), server.server_name(), server.directory()});
  }
  std::cout << table.ToString();
  return kOk;
}

}  // namespace

void AddServerCommands(CLI::App& app, Session& session) {
  CLI::App* server = AddNoun(app, "server", "distribution servers and their SMS_PKGx shares");
  CLI::App* put =
      AddVerb(*server, "put", "register a distribution server of this site, or replace its shares",
              "waybill server put DS1 --share c=/srv/ds1/c --url c=http://ds1.nyc:8080");
  const auto distribution = std::make_shared<Server>();
  put->add_option("NAME", distribution->name, "host name")->required();
  put->add_option("--share", distribution->shares, "DRIVE=DIRECTORY; may be repeated")->required();
  put->add_option("--url", distribution->urls,
                  "DRIVE=URL: that directory as a web server shows it to workstations; without it "
                  "they use the directory");
  put->callback([&session, distribution] {
    session.SetWork([&session, distribution] { return PutDistribution(session, *distribution); });
  });
  CLI::App* list = AddVerb(*server, "list", "distribution servers of this site and below",
                           "waybill server list");
  list->callback([&session] { session.SetWork([&session] { return ListDistribution(session); }); });

  CLI::App* logon = AddNoun(app, "logon", "logon servers, which workstations ask");
  CLI::App* put_logon = AddVerb(*logon, "put", "register a logon server of this site, or move it",
                                "waybill logon put LS1 --directory /srv/ls1");
  const auto logon_server = std::make_shared<Server>();
  put_logon->add_option("NAME", logon_server->name, "host name")->required();
  put_logon
      ->add_option("--directory", logon_server->directory,
                   "absolute directory that holds logon.srv")
      ->required();
  put_logon->callback([&session, logon_server] {
    session.SetWork([&session, logon_server] { return PutLogon(session, *logon_server); });
  });
  CLI::App* list_logon =
      AddVerb(*logon, "list", "logon servers of this site", "waybill logon list");
  list_logon->callback([&session] { session.SetWork([&session] { return ListLogon(session); }); });
}

}  // namespace waybill::cli
