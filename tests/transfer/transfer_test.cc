// A Sender and a Despooler on real PostgreSQL and real TLS.

#include <cstdint>
#include <latch>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/test_certificates.h"
#include "common/status/status_matchers.h"
#include "tests/transfer/test_site.h"

#include "waybill/transfer/v1/transfer_service.grpc.pb.h"

namespace waybill::transfer_tests {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr std::int64_t kPackageBytes = 6 << 20;
constexpr std::int64_t kCreditBytes = 1 << 20;

class TransferTest : public testing::Test {
 protected:
  TransferTest() { cen_.AddChild(nyc_); }

  std::string RequestState(int request = 1) const {
    return cen_.Query(absl::StrCat(
        "SELECT state || ' ' || reason FROM waybill.send_request WHERE send_request_id = ",
        request));
  }
  std::int64_t BytesSent(int request = 1) const {
    return std::stoll(cen_.Query(absl::StrCat(
        "SELECT bytes_sent FROM waybill.send_request WHERE send_request_id = ", request)));
  }

  rpc::TestCertificates certificates_;
  TestSite cen_{{.site_code = "CEN"}, certificates_};
  TestSite nyc_{{.site_code = "NYC", .parent_site_code = "CEN", .credit_bytes = kCreditBytes},
                certificates_};
};

TEST_F(TransferTest, ASitesTransferToItselfAddsNoChunkByteAndMakesItsServersAndOffers) {
  const std::string version = cen_.ImportPackage("CEN00001", kPackageBytes, 1);
  cen_.AddJob("CEN00001", "CEN00001", version, {"CEN"}, {"CEN"});
  const std::int64_t before = cen_.PackBytes();
  cen_.RunSends();
  EXPECT_EQ(RequestState(), "6 ");
  EXPECT_EQ(BytesSent(), 0);
  EXPECT_EQ(cen_.PackBytes(), before);
  EXPECT_EQ(cen_.Query("SELECT commit_seen || ' ' || send_state FROM waybill.job_site"), "true 6");
  EXPECT_EQ(cen_.Query("SELECT server_name || ' ' || state FROM waybill.job_server"), "DS1 1");
  EXPECT_EQ(cen_.Query("SELECT forward_time IS NOT NULL FROM waybill.instruction"), "t");
  EXPECT_EQ(cen_.Query("SELECT count(*) FROM waybill.pin"), "0");
}

TEST_F(TransferTest, AChildReceivesVersionAndInstructionAndLaterJobsSendNoChunk) {
  const std::string version = cen_.ImportPackage("CEN00001", kPackageBytes, 1);
  cen_.AddJob("CEN00001", "CEN00001", version, {"CEN", "NYC"}, {"NYC"});
  cen_.RunSends();
  EXPECT_EQ(RequestState(), "6 ");
  EXPECT_GE(BytesSent(), kPackageBytes);
  EXPECT_EQ(
      cen_.Query("SELECT send_state || ' ' || (bytes_sent = bytes_total) FROM waybill.job_site "
                 "WHERE site_code = 'NYC'"),
      "6 true");
  EXPECT_EQ(nyc_.Query("SELECT encode(version, 'hex') || plain_bytes FROM waybill.package_version"),
            absl::StrCat(version, kPackageBytes));
  EXPECT_EQ(nyc_.Query("SELECT stored_bytes FROM waybill.package_version"),
            cen_.Query("SELECT stored_bytes FROM waybill.package_version"));
  EXPECT_EQ(nyc_.Query("SELECT string_agg(sms_id || state, ' ') FROM waybill.job_target"),
            "NYC000011");
  EXPECT_EQ(nyc_.Query("SELECT string_agg(site_code || commit_seen, ' ') FROM waybill.job_site"),
            "NYCtrue");
  EXPECT_EQ(nyc_.Query("SELECT server_name || state FROM waybill.job_server"), "DS11");
  EXPECT_EQ(nyc_.Query("SELECT forward_time IS NULL FROM waybill.instruction"), "t");

  cen_.AddJob("CEN00002", "CEN00001", version, {"NYC"}, {"NYC"});
  const std::int64_t before = nyc_.PackBytes();
  cen_.RunSends();
  EXPECT_EQ(RequestState(2), "6 ");
  EXPECT_EQ(BytesSent(2), 0);
  EXPECT_EQ(nyc_.PackBytes(), before);
}

TEST_F(TransferTest, AStreamCutAtEachAcknowledgementSendsAtMostOneCreditWindowAgain) {
  const std::string version = cen_.ImportPackage("CEN00001", kPackageBytes, 1);
  cen_.AddJob("CEN00001", "CEN00001", version, {"NYC"}, {"NYC"});
  nyc_.tampered().tamper = [](const transfer::v1::TransferResponse& said) {
    return !said.has_ack() || said.ack().durable_bytes() == 0;
  };
  int cuts = 0;
  while (RequestState().substr(0, 1) != "6") {
    ASSERT_LT(cuts, 100) << RequestState();
    const std::int64_t before = BytesSent();
    cen_.RunSends();
    EXPECT_THAT(cen_.Query("SELECT attempt_count FROM waybill.send_request"),
                testing::AnyOf("0", "1"));
    ASSERT_GT(BytesSent(), before - 1);
    ++cuts;
  }
  EXPECT_GT(cuts, 5);
  const std::int64_t stored =
      std::stoll(cen_.Query("SELECT stored_bytes FROM waybill.package_version"));
  EXPECT_GE(BytesSent(), stored);
  EXPECT_LE(BytesSent(), stored + cuts * kCreditBytes);
  // Nothing is in the child's store twice.
  EXPECT_LE(nyc_.PackBytes(), stored + stored / 10);
}

TEST_F(TransferTest, WhatTheNeighbourCallsWrongFailsAtOnce) {
  const std::string version = cen_.ImportPackage("CEN00001", 1000, 1);
  cen_.AddJob("CEN00001", "CEN00001", version, {"NYC"}, {"NYC"});
  cen_.db().Execute("UPDATE waybill.job SET comment = chr(27)");
  cen_.RunSends();
  EXPECT_THAT(RequestState(), StartsWith("7 REFUSED: INVALID_ARGUMENT: "));
  EXPECT_THAT(RequestState(), HasSubstr("spec.comment"));
  EXPECT_EQ(cen_.Query("SELECT send_state FROM waybill.job_site"), "7");
}

TEST_F(TransferTest, ACancelStopsASendBeforeItsNextChunksAndEndsItAsCancelled) {
  const std::string version = cen_.ImportPackage("CEN00001", kPackageBytes, 1);
  cen_.AddJob("CEN00001", "CEN00001", version, {"NYC"}, {"NYC"});
  std::latch acknowledged(1);
  std::latch cancelled(1);
  bool first = true;
  nyc_.tampered().tamper = [&](const transfer::v1::TransferResponse& said) {
    if (said.has_ack() && first) {
      first = false;
      acknowledged.count_down();
      cancelled.wait();
    }
    return true;
  };
  ASSERT_TRUE(cen_.loop().RunOnce().ok());
  acknowledged.wait();
  cen_.db().Execute("UPDATE waybill.job SET cancel_epoch = 1, revision = 2, state = 6");
  ASSERT_TRUE(cen_.loop().RunOnce().ok());
  cancelled.count_down();
  cen_.loop().AwaitIdle();
  EXPECT_THAT(RequestState(), StartsWith("7 CANCELLED"));
  EXPECT_THAT(cen_.Query("SELECT send_state || send_reason FROM waybill.job_site"),
              StartsWith("7CANCELLED"));
  EXPECT_LT(BytesSent(), kPackageBytes / 2);
  EXPECT_EQ(nyc_.Query("SELECT count(*) FROM waybill.job"), "0");
}

TEST_F(TransferTest, ACancelIsCarriedAsAnInstructionAloneAndLeavesATombstone) {
  cen_.ImportPackage("CEN00001", 1000, 1);
  const std::string version =
      cen_.Query("SELECT encode(version, 'hex') FROM waybill.package_version");
  cen_.AddJob("CEN00001", "CEN00001", version, {"NYC"}, {"NYC"});
  cen_.db().Execute(
      "UPDATE waybill.job SET cancel_epoch = 1, revision = 2, state = 6;"
      "INSERT INTO waybill.send_request (job_id, site_code, revision, with_targets, package_id, "
      "priority) VALUES ('CEN00001', 'NYC', 2, false, 'CEN00001', 2)");
  cen_.RunSends();
  EXPECT_THAT(RequestState(1), StartsWith("7 CANCELLED"));
  EXPECT_EQ(RequestState(2), "6 ");
  EXPECT_EQ(nyc_.Query("SELECT state || ' ' || revision || ' ' || cancel_epoch FROM waybill.job"),
            "7 2 1");
  // The job itself, overtaken by its cancel, finds the tombstone.
  cen_.db().Execute(
      "UPDATE waybill.job SET cancel_epoch = 0, revision = 1, state = 2;"
      "UPDATE waybill.send_request SET state = 2 WHERE send_request_id = 1");
  cen_.RunSends();
  EXPECT_EQ(RequestState(1), "6 ");
  EXPECT_EQ(nyc_.Query("SELECT state || ' ' || revision FROM waybill.job"), "7 2");
}

TEST_F(TransferTest, OnlyTheParentsSenderAndTheSitesOwnMayTransfer) {
  const auto said = [&](const rpc::Identity& caller, const std::string& claimed_site_code) {
    const auto tls = certificates_.Load(caller);
    const auto channel = rpc::MakeChannel(
        {.target = nyc_.endpoint(),
         .server = {.role = rpc::Role::kService, .site_code = "NYC", .name = "despooler"}},
        *tls);
    const auto stub = transfer::v1::TransferService::NewStub(channel);
    grpc::ClientContext context;
    const auto stream = stub->Transfer(&context);
    transfer::v1::TransferRequest request;
    request.mutable_open()->set_sender_site_code(claimed_site_code);
    request.mutable_open()->set_send_request_id(1);
    request.mutable_open()->set_fence(1);
    request.mutable_open()->set_revision(1);
    request.mutable_open()->set_job_id("CEN00001");
    request.mutable_open()->set_package_id("CEN00001");
    stream->Write(request);
    stream->WritesDone();
    for (transfer::v1::TransferResponse response; stream->Read(&response);) {
    }
    return rpc::FromGrpcStatus(stream->Finish()).code();
  };
  const auto service = [](const std::string& site_code, const std::string& name) {
    return rpc::Identity{.role = rpc::Role::kService, .site_code = site_code, .name = name};
  };
  constexpr auto kDenied = absl::StatusCode::kPermissionDenied;
  EXPECT_EQ(said(service("BOS", "sender"), "BOS"), kDenied);
  EXPECT_EQ(said(service("BOS", "sender"), "CEN"), kDenied);
  EXPECT_EQ(said(service("CEN", "sender"), "NYC"), kDenied);
  EXPECT_EQ(said(service("CEN", "scheduler"), "CEN"), kDenied);
  EXPECT_EQ(said({.role = rpc::Role::kAdmin, .site_code = "", .name = "root"}, "CEN"), kDenied);
  EXPECT_EQ(said({.role = rpc::Role::kWorkstation, .site_code = "NYC", .name = "NYC00001"}, "CEN"),
            kDenied);
  EXPECT_EQ(said(service("CEN", "sender"), "CEN"), absl::StatusCode::kCancelled);
  EXPECT_EQ(said(service("NYC", "sender"), "NYC"), absl::StatusCode::kCancelled);
}

TEST_F(TransferTest, AnUnreachableNeighbourIsTriedAgainAndOneWithTheWrongNameIsNotBelieved) {
  const std::string version = cen_.ImportPackage("CEN00001", 1000, 1);
  cen_.AddJob("CEN00001", "CEN00001", version, {"NYC"}, {"NYC"});
  // CEN's own despooler answers there: a real one, but not NYC's.
  cen_.db().Execute(absl::StrCat("UPDATE waybill.address SET endpoint = '", cen_.endpoint(),
                                 "' WHERE site_code = 'NYC'"));
  cen_.RunSends();
  EXPECT_THAT(RequestState(), StartsWith("5 UNREACHABLE"));
  EXPECT_EQ(cen_.Query("SELECT attempt_count FROM waybill.send_request"), "1");
  cen_.db().Execute(absl::StrCat("UPDATE waybill.address SET endpoint = '", nyc_.endpoint(),
                                 "' WHERE site_code = 'NYC'"));
  cen_.RunSends();
  EXPECT_EQ(RequestState(), "6 ");
}

TEST(TransferSpaceTest, ANeighbourWithoutRoomIsAskedAgainAtASteadyPaceAndSaysHowMuchIsShort) {
  rpc::TestCertificates certificates;
  TestSite cen({.site_code = "CEN"}, certificates);
  TestSite nyc({.site_code = "NYC", .parent_site_code = "CEN", .reserve_bytes = 1LL << 60},
               certificates);
  cen.AddChild(nyc);
  const std::string version = cen.ImportPackage("CEN00001", kPackageBytes, 1);
  cen.AddJob("CEN00001", "CEN00001", version, {"NYC"}, {"NYC"});
  cen.RunSends();
  const std::string state = cen.Query(
      "SELECT state || ' ' || attempt_count || ' ' || reason || ' ' || (next_time - now() BETWEEN "
      "interval '5 s' AND interval '10 s') FROM waybill.send_request");
  EXPECT_THAT(state, StartsWith("5 0 INSUFFICIENT_SPACE: site NYC needs 62"));
  EXPECT_THAT(state, HasSubstr("and has 0 true"));
  EXPECT_EQ(nyc.PackBytes(), 0);
  EXPECT_EQ(nyc.Query("SELECT count(*) FROM waybill.job"), "0");
}

}  // namespace
}  // namespace waybill::transfer_tests
