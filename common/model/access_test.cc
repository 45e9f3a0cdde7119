#include "common/model/access.h"

#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

#include "common/rpc/access.h"
#include "common/rpc/identity.h"
#include "common/status/status_matchers.h"

#include "waybill/job/v1/job_service.pb.h"
#include "waybill/package/v1/package_service.pb.h"
#include "waybill/pcm/v1/pcm_service.pb.h"
#include "waybill/sender/v1/sender_service.pb.h"
#include "waybill/site/v1/site_service.pb.h"
#include "waybill/status/v1/status_service.pb.h"
#include "waybill/transfer/v1/transfer_service.pb.h"

namespace waybill::model {
namespace {

using google::protobuf::ServiceDescriptor;
using rpc::Identity;
using rpc::Role;

const std::vector<Identity> kIdentities = {
    {Role::kAdmin, "", "alice"},
    {Role::kService, "CEN", kSchedulerName},
    {Role::kService, "CEN", kSenderName},
    {Role::kService, "CEN", kDespoolerName},
    {Role::kService, "CEN", kPcmManagerName},
    {Role::kWorkstation, "CEN", "CEN00001"},
    {Role::kNone, "", ""},
};

// Every service of the product and the one identity above that may call it.
struct Expected {
  const ServiceDescriptor* service;
  Identity allowed;
};

std::vector<Expected> ExpectedRows() {
  return {
      {job::v1::SubmitJobRequest::descriptor()->file()->service(0), kIdentities[0]},
      {package::v1::CreatePackageRequest::descriptor()->file()->service(0), kIdentities[0]},
      {site::v1::PutSiteRequest::descriptor()->file()->service(0), kIdentities[0]},
      {sender::v1::SendRequest::descriptor()->file()->service(0), kIdentities[0]},
      {status::v1::Hello::descriptor()->file()->service(0), kIdentities[1]},
      {transfer::v1::Open::descriptor()->file()->service(0), kIdentities[2]},
      {pcm::v1::PollRequest::descriptor()->file()->service(0), kIdentities[5]},
  };
}

TEST(Access, AllowsEachMethodToItsOneRoleAndRefusesAllOthers) {
  const rpc::AccessTable table(AccessRules());
  for (const Expected& row : ExpectedRows()) {
    for (int i = 0; i < row.service->method_count(); ++i) {
      const std::string method =
          absl::StrCat("/", row.service->full_name(), "/", row.service->method(i)->name());
      for (const Identity& identity : kIdentities) {
        const absl::StatusCode expected =
            identity == row.allowed ? absl::StatusCode::kOk : absl::StatusCode::kPermissionDenied;
        EXPECT_THAT(table.Check(identity, method), StatusIs(expected))
            << method << " by " << ToUri(identity);
      }
    }
  }
}

TEST(Access, NamesNoMethodThatDoesNotExist) {
  std::set<std::string> methods;
  for (const Expected& row : ExpectedRows()) {
    for (int i = 0; i < row.service->method_count(); ++i) {
      methods.insert(
          absl::StrCat("/", row.service->full_name(), "/", row.service->method(i)->name()));
    }
  }
  for (const rpc::AccessRule& rule : AccessRules()) {
    EXPECT_TRUE(methods.contains(rule.method)) << rule.method;
  }
}

TEST(Access, RefusesAMethodThatNobodyListed) {
  const rpc::AccessTable table(AccessRules());
  EXPECT_THAT(table.Check(kIdentities[0], "/waybill.job.v1.JobService/DropEverything"),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST(Access, GivesAListenerOnlyItsOwnRows) {
  EXPECT_EQ(AccessRulesOf("waybill.pcm.v1.PcmService").size(), 3U);
  EXPECT_TRUE(AccessRulesOf("waybill.pcm.v1").empty());
}

}  // namespace
}  // namespace waybill::model
