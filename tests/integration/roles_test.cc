// Every method with every role over the real listeners: who may not is refused, whatever it says.

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/empty.pb.h>
#include <grpcpp/client_context.h>
#include <grpcpp/impl/codegen/rpc_method.h>
#include <grpcpp/support/sync_stream.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

#include "common/config/tls_files.h"
#include "common/model/access.h"
#include "common/rpc/access.h"
#include "common/rpc/channel.h"
#include "common/rpc/identity.h"
#include "tests/harness/certificates.h"
#include "tests/harness/hierarchy.h"
#include "tests/harness/site.h"

namespace waybill::harness {
namespace {

using google::protobuf::Empty;

struct Caller {
  rpc::Identity identity;
  config::TlsFiles tls;
};

// Service and listener that serve a method.
std::pair<std::string, std::string> ServedBy(const std::string& method) {
  const std::map<std::string, std::pair<std::string, std::string>> listeners = {
      {"/waybill.job.", {"scheduler", "admin"}},
      {"/waybill.package.", {"scheduler", "admin"}},
      {"/waybill.site.", {"scheduler", "admin"}},
      {"/waybill.status.", {"scheduler", "sites"}},
      {"/waybill.sender.", {"sender", "admin"}},
      {"/waybill.transfer.", {"despooler", "sites"}},
      {"/waybill.pcm.", {"pcm-manager", "workstations"}}};
  const auto found = std::find_if(listeners.begin(), listeners.end(), [&](const auto& entry) {
    return absl::StartsWith(method, entry.first);
  });
  return found == listeners.end() ? std::pair<std::string, std::string>() : found->second;
}

// Whatever kind of method it is: the certificate is looked at before any message.
grpc::StatusCode CallWithNothing(const std::shared_ptr<grpc::Channel>& channel,
                                 const std::string& method) {
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  rpc::SetDeadline(context, absl::Seconds(20));
  const grpc::internal::RpcMethod description(method.c_str(),
                                              grpc::internal::RpcMethod::BIDI_STREAMING, channel);
  const std::unique_ptr<grpc::ClientReaderWriter<Empty, Empty>> stream(
      grpc::internal::ClientReaderWriterFactory<Empty, Empty>::Create(channel.get(), description,
                                                                      &context));
  stream->Write(Empty());
  stream->WritesDone();
  Empty ignored;
  while (stream->Read(&ignored)) {
  }
  return stream->Finish().error_code();
}

bool MayCall(const rpc::AccessRule& rule, const rpc::Identity& identity) {
  return std::any_of(rule.callers.begin(), rule.callers.end(), [&](const rpc::Caller& caller) {
    return caller.role == identity.role && (caller.name.empty() || caller.name == identity.name);
  });
}

std::vector<Caller> Callers(const std::string& workstation) {
  const Certificates& certificates = Certificates::OfThisProgram();
  std::vector<Caller> callers = {{{rpc::Role::kAdmin, "", "admin"}, certificates.OfAdmin()},
                                 {{rpc::Role::kWorkstation, "CEN", workstation},
                                  certificates.OfWorkstation("CEN", workstation)}};
  for (const char* name : {"scheduler", "sender", "despooler", "pcm-manager"}) {
    callers.push_back({{rpc::Role::kService, "CEN", name}, certificates.OfService("CEN", name)});
  }
  return callers;
}

TEST(RolesTest, EveryMethodRefusesEveryRoleButItsOwn) {
  Hierarchy h({.sites = {"CEN"}});
  Site& site = h.root();
  const auto before = site.RowCounts();
  const std::string workstation = site.AddWorkstations(1, "SALES").front();
  int refused = 0;
  for (const Caller& caller : Callers(workstation)) {
    std::map<std::string, std::shared_ptr<grpc::Channel>> channels;
    for (const rpc::AccessRule& rule : model::AccessRules()) {
      SCOPED_TRACE(absl::StrCat(rpc::ToUri(caller.identity), " calls ", rule.method));
      const auto [service, listener] = ServedBy(rule.method);
      ASSERT_FALSE(service.empty()) << "this test does not know who serves it";
      auto& channel = channels[service + listener];
      if (channel == nullptr) {
        channel = site.ChannelTo(service, listener, caller.tls);
      }
      if (!MayCall(rule, caller.identity)) {
        EXPECT_EQ(CallWithNothing(channel, rule.method), grpc::StatusCode::PERMISSION_DENIED);
        ++refused;
      }
    }
  }
  // Each method has one audience of the six.
  EXPECT_EQ(refused, static_cast<int>(model::AccessRules().size()) * 5);
  auto after = site.RowCounts();
  EXPECT_EQ(after["workstation"], before.at("workstation") + 1);
  after["workstation"] = before.at("workstation");
  EXPECT_EQ(after, before);
}

TEST(RolesTest, AnAdministratorMayCallWhatIsForAdministrators) {
  Hierarchy h({.sites = {"CEN"}});
  const auto channel =
      h.root().ChannelTo("scheduler", "admin", Certificates::OfThisProgram().OfAdmin());
  EXPECT_EQ(CallWithNothing(channel, "/waybill.site.v1.SiteService/GetHierarchy"),
            grpc::StatusCode::OK);
}

TEST(RolesTest, AMethodOfAnotherListenerIsNotServed) {
  Hierarchy h({.sites = {"CEN"}});
  const auto channel =
      h.root().ChannelTo("scheduler", "sites", Certificates::OfThisProgram().OfAdmin());
  EXPECT_EQ(CallWithNothing(channel, "/waybill.job.v1.JobService/SubmitJob"),
            grpc::StatusCode::PERMISSION_DENIED);
}

}  // namespace
}  // namespace waybill::harness
