#ifndef WAYBILL_SERVICES_PCM_TEST_WORKSTATIONS_H_
#define WAYBILL_SERVICES_PCM_TEST_WORKSTATIONS_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/clock/clock.h"
#include "common/model/access.h"
#include "common/model/definition_file.h"
#include "common/rpc/identity.h"
#include "common/rpc/listener.h"
#include "common/rpc/test_certificates.h"
#include "common/thread/executor.h"
#include "common/tree/directory.h"
#include "services/pcm/package_cache.h"
#include "services/pcm/site_client.h"
#include "services/pcm/test_share.h"
#include "services/pcm_manager/acknowledge_loop.h"
#include "services/pcm_manager/pcm_service.h"
#include "services/pcm_manager/replicate_loop.h"
#include "services/pcm_manager/test_site.h"

namespace waybill::pcm {

/// Site NYC with its real PCM-Manager behind TLS on a real job database, one logon server, and a
/// package on a distribution server. Its command appends a line to a file: what ran, and how often.
class TestWorkstations {
 public:
  TestWorkstations() {
    site_.AddLogonServer("LOGON1");
    StartServer();
  }

  pcm_manager::TestSite& site() { return site_; }
  TestShare& share() { return share_; }
  rpc::TestCertificates& certificates() { return certificates_; }
  const std::string& address() const { return address_; }
  const std::vector<model::OfferLocation>& locations() const { return locations_; }

  static rpc::Identity IdentityOf(const std::string& sms_id) {
    return {rpc::Role::kWorkstation, "NYC", sms_id};
  }

  /// Also as if the PCM-Manager had been killed: `down` until StartServer.
  void StopServer() { listener_.reset(); }
  void StartServer() {
    listener_ = rpc::Listener::Start({.audience = "workstations",
                                      .address = address_,
                                      .rules = model::AccessRulesOf("waybill.pcm.v1.PcmService")},
                                     *server_tls_, {&service_})
                    .value();
    address_ = listener_->address();
  }

  /// A job that is offered to `sms_id` with the next definition file; more than once adds offers.
  model::Offer& AddOffer(const std::string& job_id, const std::string& sms_id) {
    site_.AddJob(job_id);
    site_.AddTarget(job_id, sms_id, 2);
    offers_.push_back(share_.MakeOffer(job_id, {"run.sh", LinesPath()}, locations_,
                                       absl::Now() - absl::Hours(1)));
    offers_.back().mandatory_after = offers_.back().offer_after;
    return offers_.back();
  }

  /// What Despooler and PCM-Manager do with the offers.
  void Offer(const std::string& sms_id) {
    site_.WriteDefinition(sms_id, ++version_, offers_);
    EXPECT_TRUE(Replicate().ok());
  }
  /// A file without offers; Offer brings them back.
  void Withdraw(const std::string& sms_id) {
    site_.WriteDefinition(sms_id, ++version_, {});
    EXPECT_TRUE(Replicate().ok());
  }
  /// Writes which files came.
  absl::Status Acknowledge() { return acknowledge_.RunOnce().status(); }
  absl::Status Replicate() { return replicate_->RunOnce().status(); }

  std::string LinesPath() const { return site_.Path("lines"); }

  /// How often the command of `job_id` ran.
  int CountLines(const std::string& job_id) const {
    const std::string text = site_.root().ReadFile("lines", 1 << 20).value_or("");
    int count = 0;
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      if (line == job_id) ++count;
    }
    return count;
  }

  std::string State(const std::string& job_id, const std::string& sms_id) const {
    return site_.Target("state", job_id, sms_id);
  }

 private:
  pcm_manager::TestSite site_;
  TestShare share_ =
      TestShare({{"run.sh", "#!/bin/sh\necho \"$WAYBILL_JOB_ID\" >> \"$1\"\necho did it\n", true}});
  const std::vector<model::OfferLocation> locations_ = {share_.Publish("DS1")};
  std::vector<model::Offer> offers_;
  std::int64_t version_ = 0;
  const std::unique_ptr<pcm_manager::ReplicateLoop> replicate_ = site_.MakeLoop();
  pcm_manager::AcknowledgeLoop acknowledge_ = pcm_manager::AcknowledgeLoop(
      site_.store(), [](absl::string_view /*channel*/) {}, absl::Hours(1));
  Executor calls_ = Executor(4, 64);
  pcm_manager::PcmService service_ = pcm_manager::PcmService(
      {.site_code = "NYC",
       .pcm_poll_interval = absl::Milliseconds(200),
       .served = site_.served(),
       .store = site_.store(),
       .calls = calls_,
       .acknowledge = [this](const std::string& sms_id,
                             std::int64_t version) { return acknowledge_.Add(sms_id, version); },
       .notify = [](absl::string_view /*channel*/) {},
       .server_now = [] { return absl::Now(); }});
  rpc::TestCertificates certificates_;
  const std::unique_ptr<rpc::TlsIdentity> server_tls_ =
      certificates_.Load({rpc::Role::kService, "NYC", model::kPcmManagerName});
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<rpc::Listener> listener_;
};

}  // namespace waybill::pcm

#endif  // WAYBILL_SERVICES_PCM_TEST_WORKSTATIONS_H_
