#include <initializer_list>
#include <iostream>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>
#include <google/protobuf/message.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>

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

struct Put {
  std::string site_code;
  std::string parent_site_code;
  std::string name;
  std::string endpoint;
  int concurrent_sends_max = 3;
};

absl::Status PutAddress(SiteService::Stub& stub, const Put& put) {
  site::v1::PutAddressRequest request;
  request.mutable_address()->set_site_code(put.site_code);
  request.mutable_address()->set_endpoint(put.endpoint);
  request.mutable_address()->set_concurrent_sends_max(put.concurrent_sends_max);
  return Call<site::v1::PutAddressResponse>(
             [&](auto* context, auto* answer) { return stub.PutAddress(context, request, answer); })
      .status();
}

absl::StatusOr<ExitCode> RunPut(Session& session, const Put& put) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  site::v1::PutSiteRequest request;
  request.mutable_site()->set_site_code(put.site_code);
  request.mutable_site()->set_parent_site_code(put.parent_site_code);
  request.mutable_site()->set_name(put.name);
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<site::v1::PutSiteResponse>([&](auto* context, auto* answer) {
                             return stub->PutSite(context, request, answer);
                           }));
  if (!put.endpoint.empty()) {
    WAYBILL_RETURN_IF_ERROR(PutAddress(*stub, put));
  }
  if (session.json()) {
    Session::PrintJson(response.site());
  } else {
    std::cout << put.site_code << " is registered"
              << (put.endpoint.empty() ? "" : ", reached at " + put.endpoint) << "\n";
  }
  return kOk;
}

absl::StatusOr<ExitCode> RunAddress(Session& session, const Put& put) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_RETURN_IF_ERROR(PutAddress(*stub, put));
  std::cout << (session.json() ? "{}" : put.site_code + " is reached at " + put.endpoint) << "\n";
  return kOk;
}

// One document with the fields of all.
absl::StatusOr<ExitCode> PrintTogether(
    std::initializer_list<const google::protobuf::Message*> messages) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  google::protobuf::Struct document;
  for (const google::protobuf::Message* message : messages) {
    std::string json;
    google::protobuf::Struct part;
    if (!google::protobuf::util::MessageToJsonString(*message, &json, options).ok() ||
        !google::protobuf::util::JsonStringToMessage(json, &part).ok()) {
      return absl::InternalError("the answer has no JSON form");
    }
    document.MergeFrom(part);
  }
  Session::PrintJson(document);
  return kOk;
}

absl::StatusOr<ExitCode> RunList(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(const auto sites,
                           Call<site::v1::ListSitesResponse>([&](auto* context, auto* answer) {
                             return stub->ListSites(context, {}, answer);
                           }));
  WAYBILL_ASSIGN_OR_RETURN(const auto addresses,
                           Call<site::v1::ListAddressesResponse>([&](auto* context, auto* answer) {
                             return stub->ListAddresses(context, {}, answer);
                           }));
  if (session.json()) {
    return PrintTogether({&sites, &addresses});
  }
  Table table({"SITE", "PARENT", "NAME", "ADDRESS", "SENDS AT ONCE>"});
  for (const auto& site : sites.sites()) {
    std::string endpoint = "-";
    std::string sends = "-";
    for (const auto& address : addresses.addresses()) {
      if (address.site_code() == site.site_code()) {
        endpoint = address.endpoint();
        sends = absl::StrCat(address.concurrent_sends_max());
      }
    }
    table.Add({site.site_code(), site.parent_site_code().empty() ? "-" : site.parent_site_code(),
               site.name(), endpoint, sends});
  }
  std::cout << table.ToString();
  return kOk;
}

// `parent`, its children and theirs, each below its parent; the answer has parents before children.
void AddBranch(const site::v1::GetHierarchyResponse& hierarchy, const site::v1::SiteNode& parent,
               Table& table) {
  const std::string indent(static_cast<std::size_t>(2 * parent.depth()), ' ');
  table.Add({indent + parent.site().site_code(), parent.site().name(),
             absl::StrCat(parent.distribution_server_count()),
             absl::StrCat(parent.workstation_count()),
             When(parent.has_last_report_time(), parent.last_report_time())});
  for (const site::v1::SiteNode& node : hierarchy.sites()) {
    if (node.depth() == parent.depth() + 1 &&
        node.site().parent_site_code() == parent.site().site_code()) {
      AddBranch(hierarchy, node, table);
    }
  }
}

absl::StatusOr<ExitCode> RunTree(Session& session) {
  WAYBILL_ASSIGN_OR_RETURN(const auto stub, Stub(session));
  WAYBILL_ASSIGN_OR_RETURN(const auto response,
                           Call<site::v1::GetHierarchyResponse>([&](auto* context, auto* answer) {
                             return stub->GetHierarchy(context, {}, answer);
                           }));
  if (session.json()) {
    Session::PrintJson(response);
    return kOk;
  }
  Table table({"SITE", "NAME", "SERVERS>", "WORKSTATIONS>", "LAST REPORT"});
  if (!response.sites().empty()) {
    AddBranch(response, response.sites(0), table);
  }
  std::cout << table.ToString();
  return kOk;
}

}  // namespace

void AddSiteCommands(CLI::App& app, Session& session) {
  CLI::App* site = AddNoun(app, "site", "the tree of sites and how they are reached");
  CLI::App* verb =
      AddVerb(*site, "put", "register a direct child of this site, or say how a site is reached",
              "waybill site put NYC --name 'New York' --address nyc.example.com:7012");
  const auto put = std::make_shared<Put>();
  verb->add_option("CODE", put->site_code, "three characters A-Z 0-9")->required();
  verb->add_option("--parent", put->parent_site_code, "default: the site that is asked");
  verb->add_option("--name", put->name, "for people");
  verb->add_option("--address", put->endpoint, "host:port of its Despooler's listener for sites");
  verb->add_option("--sends", put->concurrent_sends_max, "sends to it at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  verb->callback(
      [&session, put] { session.SetWork([&session, put] { return RunPut(session, *put); }); });

  CLI::App* reach =
      AddVerb(*site, "address", "say how a direct child, or this site itself, is reached",
              "waybill site address NYC nyc.example.com:7012");
  const auto address = std::make_shared<Put>();
  reach->add_option("CODE", address->site_code, "three characters A-Z 0-9")->required();
  reach->add_option("ADDRESS", address->endpoint, "host:port of its Despooler's listener for sites")
      ->required();
  reach->add_option("--sends", address->concurrent_sends_max, "sends to it at once")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  reach->callback([&session, address] {
    session.SetWork([&session, address] { return RunAddress(session, *address); });
  });

  CLI::App* list =
      AddVerb(*site, "list", "this site and all below it, with addresses", "waybill site list");
  list->callback([&session] { session.SetWork([&session] { return RunList(session); }); });
  CLI::App* tree =
      AddVerb(*site, "tree", "the hierarchy from this site down, with counts", "waybill site tree");
  tree->callback([&session] { session.SetWork([&session] { return RunTree(session); }); });
}

}  // namespace waybill::cli
