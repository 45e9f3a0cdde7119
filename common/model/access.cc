#include "common/model/access.h"

#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/rpc/access.h"
#include "common/rpc/identity.h"

namespace waybill::model {
namespace {

// One row: a protobuf service, who may call it, and its methods. Every service has one audience.
struct Row {
  const char* service;
  rpc::Caller caller;
  std::vector<const char*> methods;
};

std::vector<Row> Rows() {
  const rpc::Caller admin = {rpc::Role::kAdmin};
  const rpc::Caller workstation = {rpc::Role::kWorkstation};
  return {
      {"waybill.job.v1.JobService",
       admin,
       {"SubmitJob", "GetJob", "ListJobs", "ListJobTargets", "CancelJob", "WatchJob"}},
      {"waybill.package.v1.PackageService",
       admin,
       {"CreatePackage", "GetPackage", "ListPackages", "ImportVersion", "ListVersions",
        "ListLocations"}},
      {"waybill.site.v1.SiteService",
       admin,
       {"PutSite", "GetSite", "ListSites", "PutAddress", "GetAddress", "ListAddresses",
        "PutDistributionServer", "GetDistributionServer", "ListDistributionServers",
        "PutLogonServer", "GetLogonServer", "ListLogonServers", "PutGroup", "GetGroup",
        "ListGroups", "PutWorkstations", "ListWorkstations", "GetHierarchy"}},
      {"waybill.sender.v1.SenderService", admin, {"ListSendRequests"}},
      {"waybill.status.v1.StatusService", {rpc::Role::kService, kSchedulerName}, {"ReportStatus"}},
      {"waybill.transfer.v1.TransferService", {rpc::Role::kService, kSenderName}, {"Transfer"}},
      {"waybill.pcm.v1.PcmService", workstation, {"Poll", "StartRun", "ReportResult"}},
  };
}

}  // namespace

std::vector<rpc::AccessRule> AccessRules() {
  std::vector<rpc::AccessRule> rules;
  for (const Row& row : Rows()) {
    for (const char* method : row.methods) {
      rules.push_back({absl::StrCat("/", row.service, "/", method), {row.caller}});
    }
  }
  return rules;
}

std::vector<rpc::AccessRule> AccessRulesOf(absl::string_view service) {
  std::vector<rpc::AccessRule> rules;
  for (rpc::AccessRule& rule : AccessRules()) {
    if (absl::StartsWith(rule.method, absl::StrCat("/", service, "/"))) {
      rules.push_back(std::move(rule));
    }
  }
  return rules;
}

}  // namespace waybill::model
