#include "services/scheduler/shipper_loop.h"

#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

#include "common/model/access.h"
#include "common/rpc/channel.h"
#include "common/rpc/identity.h"
#include "common/rpc/listener.h"
#include "common/rpc/test_certificates.h"
#include "common/rpc/tls.h"
#include "common/status/status_matchers.h"
#include "common/thread/executor.h"
#include "services/scheduler/parent_client.h"
#include "services/scheduler/site_fixture_test.h"
#include "services/scheduler/status_service.h"
#include "services/scheduler/status_store.h"

namespace waybill::scheduler {
namespace {

const rpc::Identity kParent = {rpc::Role::kService, "CEN", model::kSchedulerName};
const rpc::Identity kChild = {rpc::Role::kService, "BOS", model::kSchedulerName};

// The Schedulers of CEN and BOS, as far as status goes, over real TLS.
class ShipperLoopTest : public ::testing::Test {
 protected:
  ShipperLoopTest() { Listen("127.0.0.1:0"); }

  void Listen(const std::string& address) {
    service_ = std::make_unique<StatusService>(StatusService::Dependencies{
        .store = parent_, .streams = streams_, .notify = [](absl::string_view) {}});
    auto listener =
        rpc::Listener::Start({.audience = "sites",
                              .address = address,
                              .rules = model::AccessRulesOf("waybill.status.v1.StatusService"),
                              .is_site_link = true},
                             *parent_tls_, {service_.get()});
    ASSERT_THAT(listener, IsOk());
    listener_ = *std::move(listener);
  }

  std::unique_ptr<ParentClient> ClientOf(const rpc::Identity& identity) {
    tls_ = certificates_.Load(identity);
    return std::make_unique<ParentClient>([this] {
      return rpc::MakeChannel(
          {.target = listener_->address(), .server = kParent, .is_site_link = true}, *tls_);
    });
  }

  void AddWorkstation(const std::string& sms_id) const {
    bos_.AddWorkstation(sms_id, "SALES", absl::StrCat("host-", sms_id));
  }
  std::string CountAtParent() const {
    return cen_.Text("SELECT count(*) FROM waybill.workstation");
  }

  SiteFixture cen_{"CEN"};
  SiteFixture bos_{"BOS", "CEN"};
  StatusStore parent_{*cen_.database};
  StatusStore child_{*bos_.database};
  rpc::TestCertificates certificates_;
  std::unique_ptr<rpc::TlsIdentity> parent_tls_ = certificates_.Load(kParent);
  std::unique_ptr<rpc::TlsIdentity> tls_;
  Executor streams_{4, 4};
  std::unique_ptr<StatusService> service_;
  std::unique_ptr<rpc::Listener> listener_;
};

TEST_F(ShipperLoopTest, ShipsInBatchesUntilNothingWaitsAndLearnsWhoIsAbove) {
  cen_.db.Execute(
      "UPDATE waybill.self SET parent_site_code = 'TOP', ancestor_site_codes = '{TOP}'");
  const auto client = ClientOf(kChild);
  ShipperLoop loop(child_, *client, "h", {.batch_max = 2});
  for (int i = 1; i <= 5; ++i) {
    AddWorkstation(absl::StrCat("BOS0000", i));
  }
  ASSERT_THAT(loop.RunOnce(), IsOk());
  EXPECT_EQ(CountAtParent(), "5");
  EXPECT_EQ(bos_.Text("SELECT count(*) FROM waybill.outbox"), "0");
  EXPECT_EQ(bos_.Text("SELECT ancestor_site_codes FROM waybill.self"), "{CEN,TOP}");
  AddWorkstation("BOS00006");
  ASSERT_THAT(loop.RunOnce(), IsOk()) << "on the same stream";
  EXPECT_EQ(CountAtParent(), "6");
}

TEST_F(ShipperLoopTest, GoesOnAfterTheParentWasAway) {
  const auto client = ClientOf(kChild);
  ShipperLoop loop(child_, *client, "h", {});
  AddWorkstation("BOS00001");
  ASSERT_THAT(loop.RunOnce(), IsOk());
  const std::string address = listener_->address();
  streams_.Drain();
  listener_.reset();
  AddWorkstation("BOS00002");
  EXPECT_FALSE(loop.RunOnce().ok());
  EXPECT_EQ(bos_.Text("SELECT count(*) FROM waybill.outbox"), "1") << "it waits";
}

TEST_F(ShipperLoopTest, TwoProcessesTakeTurnsAndGoOnWhereTheOtherStopped) {
  const auto client = ClientOf(kChild);
  ParentClient other_client([this] {
    return rpc::MakeChannel(
        {.target = listener_->address(), .server = kParent, .is_site_link = true}, *tls_);
  });
  ShipperLoop loop(child_, *client, "one", {});
  ShipperLoop other(child_, other_client, "two", {});
  const std::int64_t epoch = child_.GetShipping()->epoch;
  int number = 10000;
  for (ShipperLoop* shipper : {&loop, &other, &loop}) {
    AddWorkstation(absl::StrCat("BOS", ++number));
    AddWorkstation(absl::StrCat("BOS", ++number));
    ASSERT_THAT(shipper->RunOnce(), IsOk());
    EXPECT_EQ(CountAtParent(), absl::StrCat(number - 10000));
    EXPECT_EQ(bos_.Text("SELECT count(*) FROM waybill.outbox"), "0");
    EXPECT_THAT((shipper == &loop ? other : loop).RunOnce(), StatusIs(absl::StatusCode::kAborted));
    bos_.db.Execute("UPDATE waybill.lease SET end_time = now()");
  }
  EXPECT_EQ(child_.GetShipping()->epoch, epoch);
}

TEST_F(ShipperLoopTest, BeginsANewEpochWhenTheParentKnowsMore) {
  const auto client = ClientOf(kChild);
  ShipperLoop loop(child_, *client, "h", {});
  AddWorkstation("BOS00001");
  ASSERT_THAT(loop.RunOnce(), IsOk());
  client->Close();
  const std::int64_t epoch = child_.GetShipping()->epoch;
  bos_.db.Execute(
      "UPDATE waybill.self SET shipped_sequence = 0; UPDATE waybill.workstation SET host_name = "
      "'old'");
  ASSERT_THAT(loop.RunOnce(), IsOk());
  EXPECT_GT(child_.GetShipping()->epoch, epoch);
  EXPECT_EQ(cen_.Text("SELECT host_name FROM waybill.workstation"), "old");
}

TEST_F(ShipperLoopTest, BeginsANewEpochWhenTheParentHasForgotten) {
  const auto client = ClientOf(kChild);
  ShipperLoop loop(child_, *client, "a", {});
  AddWorkstation("BOS00001");
  ASSERT_THAT(loop.RunOnce(), IsOk());
  cen_.db.Execute("UPDATE waybill.inbox SET sequence = 0; DELETE FROM waybill.workstation");
  client->Close();
  AddWorkstation("BOS00002");
  ASSERT_THAT(loop.RunOnce(), IsOk());
  EXPECT_EQ(CountAtParent(), "2");
}

TEST_F(ShipperLoopTest, AThousandLongOutputsGoInMessagesThatTheParentTakes) {
  const std::string job =
      "INSERT INTO waybill.job (job_id, origin_site_code, type, package_id, priority, target_kind, "
      "start_after,"
      " deadline, send_phase, state) VALUES ('CEN00007', 'CEN', 2, 'CEN00001', 2, 0, now(), now(), "
      "1, 2);"
      "INSERT INTO waybill.job_target (job_id, sms_id, site_code)"
      " SELECT 'CEN00007', 'BOS' || n, 'BOS' FROM generate_series(10001, 11000) n";
  cen_.db.Execute(job);
  bos_.db.Execute(job);
  bos_.db.Execute("UPDATE waybill.job_target SET state = 5, output = repeat('x', 5000)");
  const auto client = ClientOf(kChild);
  ShipperLoop loop(child_, *client, "a", {});
  ASSERT_THAT(loop.RunOnce(), IsOk());
  EXPECT_EQ(cen_.Text("SELECT count(*) FROM waybill.job_target WHERE length(output) = 5000"),
            "1000");
  EXPECT_EQ(bos_.Text("SELECT count(*) FROM waybill.outbox"), "0");
}

TEST_F(ShipperLoopTest, IsRefusedWithTheCertificateOfAnotherSiteOrService) {
  const rpc::Identity wrong[] = {{rpc::Role::kService, "NYC", model::kSchedulerName},
                                 {rpc::Role::kService, "BOS", model::kSenderName},
                                 {rpc::Role::kAdmin, "", "alice"},
                                 {rpc::Role::kWorkstation, "BOS", "BOS00001"}};
  for (const rpc::Identity& identity : wrong) {
    const auto client = ClientOf(identity);
    ShipperLoop loop(child_, *client, "h", {});
    EXPECT_THAT(loop.RunOnce(), StatusIs(absl::StatusCode::kPermissionDenied))
        << rpc::ToUri(identity);
  }
  EXPECT_EQ(cen_.Text("SELECT count(*) FROM waybill.inbox"), "0");
}

TEST_F(ShipperLoopTest, StopsWhileTheParentDoesNotAnswer) {
  const auto client = ClientOf(kChild);
  ShipperLoop loop(child_, *client, "h", {});
  loop.Start();
  loop.Stop();
  EXPECT_THAT(client->Open("BOS", 1), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace waybill::scheduler
