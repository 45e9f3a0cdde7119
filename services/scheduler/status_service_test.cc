#include "services/scheduler/status_service.h"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <grpcpp/client_context.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

#include "common/metrics/metrics.h"
#include "common/model/access.h"
#include "common/rpc/channel.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/identity.h"
#include "common/rpc/listener.h"
#include "common/rpc/test_certificates.h"
#include "common/rpc/tls.h"
#include "common/status/status_matchers.h"
#include "common/thread/executor.h"
#include "services/scheduler/site_fixture_test.h"
#include "services/scheduler/status_store.h"

#include "waybill/status/v1/status_service.grpc.pb.h"

namespace waybill::scheduler {
namespace {

using absl::StatusCode;
using status::v1::ReportStatusRequest;
using status::v1::ReportStatusResponse;
using testing::ElementsAre;
using testing::HasSubstr;

const rpc::Identity kParent = {rpc::Role::kService, "CEN", model::kSchedulerName};
const rpc::Identity kChild = {rpc::Role::kService, "BOS", model::kSchedulerName};

// The parent CEN, and its child BOS message by message.
class StatusServiceTest : public testing::Test {
 protected:
  StatusServiceTest() {
    auto listener =
        rpc::Listener::Start({.audience = "sites",
                              .address = "127.0.0.1:0",
                              .rules = model::AccessRulesOf("waybill.status.v1.StatusService"),
                              .is_site_link = true},
                             *parent_tls_, {&service_});
    EXPECT_THAT(listener, IsOk());
    listener_ = *std::move(listener);
    stub_ = status::v1::StatusService::NewStub(rpc::MakeChannel(
        {.target = listener_->address(), .server = kParent, .is_site_link = true}, *child_tls_));
    rpc::SetDeadline(context_, absl::Seconds(30));
    stream_ = stub_->ReportStatus(&context_);
  }
  ~StatusServiceTest() override { streams_.Drain(); }

  static ReportStatusRequest Hello(const std::string& site_code, std::int64_t epoch) {
    ReportStatusRequest request;
    request.mutable_hello()->set_site_code(site_code);
    request.mutable_hello()->set_epoch(epoch);
    return request;
  }

  // `count` registrations of a site below BOS, from `sequence` on.
  static ReportStatusRequest Records(std::int64_t sequence, int count) {
    ReportStatusRequest request;
    for (int i = 0; i < count; ++i) {
      status::v1::StatusRecord& record = *request.add_records();
      record.set_sequence(sequence + i);
      record.mutable_site()->set_site_code("LAB");
      record.mutable_site()->set_parent_site_code("BOS");
    }
    return request;
  }

  // The answer, which must come.
  ReportStatusResponse Exchange(const ReportStatusRequest& request) {
    ReportStatusResponse response;
    EXPECT_TRUE(stream_->Write(request));
    EXPECT_TRUE(stream_->Read(&response));
    return response;
  }

  // How the stream ends when `request` is its last message.
  absl::Status EndOf(const ReportStatusRequest& request) {
    stream_->Write(request);
    stream_->WritesDone();
    ReportStatusResponse response;
    while (stream_->Read(&response)) {
    }
    return rpc::FromGrpcStatus(stream_->Finish());
  }

  SiteFixture site_;
  StatusStore store_{*site_.database};
  Executor streams_{1, 1};
  StatusService service_{
      {.store = store_, .streams = streams_, .notify = [](absl::string_view) {}}};
  rpc::TestCertificates certificates_;
  const std::unique_ptr<rpc::TlsIdentity> parent_tls_ = certificates_.Load(kParent);
  const std::unique_ptr<rpc::TlsIdentity> child_tls_ = certificates_.Load(kChild);
  std::unique_ptr<rpc::Listener> listener_;
  std::unique_ptr<status::v1::StatusService::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<ReportStatusRequest, ReportStatusResponse>> stream_;
};

// What a counter family has counted in this process.
double Counted(const std::string& name) {
  double sum = 0;
  for (const prometheus::MetricFamily& family : metrics::DefaultRegistry()->Collect()) {
    for (const prometheus::ClientMetric& metric : family.metric) {
      sum += family.name == name ? metric.counter.value : 0;
    }
  }
  return sum;
}

TEST_F(StatusServiceTest, AChildIsToldWhereToGoOnAndEachBatchIsAcknowledged) {
  const ReportStatusResponse welcome = Exchange(Hello("BOS", 1));
  EXPECT_EQ(welcome.acknowledged_sequence(), 0);
  EXPECT_THAT(welcome.ancestor_site_codes(), ElementsAre("CEN"));
  EXPECT_EQ(Exchange(Records(1, 2)).acknowledged_sequence(), 2);
  EXPECT_EQ(Exchange(Records(1, 3)).acknowledged_sequence(), 3) << "what was applied is ignored";
  EXPECT_THAT(EndOf(Records(4, 1000)), IsOk()) << "the largest batch";
}

TEST_F(StatusServiceTest, AGapInTheSequenceEndsTheStream) {
  Exchange(Hello("BOS", 1));
  EXPECT_THAT(EndOf(Records(2, 1)), StatusIs(StatusCode::kFailedPrecondition));
}

TEST_F(StatusServiceTest, AnotherSiteThanThatOfTheCertificateIsRefused) {
  EXPECT_THAT(EndOf(Hello("NYC", 1)), StatusIs(StatusCode::kPermissionDenied));
}

TEST_F(StatusServiceTest, TheFirstMessageIsAHelloAndNothingElse) {
  ReportStatusRequest both = Hello("BOS", 1);
  both.MergeFrom(Records(1, 1));
  const absl::Status status = EndOf(both);
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr("hello"));
}

TEST_F(StatusServiceTest, RecordsWithoutAHelloAreRefused) {
  EXPECT_THAT(EndOf(Records(1, 1)), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(StatusServiceTest, AnEpochIsPositive) {
  EXPECT_THAT(EndOf(Hello("BOS", 0)), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(StatusServiceTest, ASecondHelloIsRefused) {
  Exchange(Hello("BOS", 1));
  EXPECT_THAT(EndOf(Hello("BOS", 1)), StatusIs(StatusCode::kInvalidArgument));
}

TEST_F(StatusServiceTest, ABatchHasALimit) {
  Exchange(Hello("BOS", 1));
  const absl::Status status = EndOf(Records(1, 1001));
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr("records"));
  EXPECT_EQ(store_.OpenInbox("BOS", 1).value(), 0);
}

// A time without a JSON form ended the process, and a NUL was the database's error.
TEST_F(StatusServiceTest, WhatTheDatabaseCannotHoldIsRefusedAndTheServiceGoesOn) {
  ReportStatusRequest request = Records(1, 2);
  status::v1::LocationFact& location = *request.mutable_records(1)->mutable_location();
  location.set_site_code("BOS");
  location.mutable_observe_time()->set_seconds(1'000'000'000'000'000'000);
  Exchange(Hello("BOS", 1));
  const absl::Status status = EndOf(request);
  EXPECT_THAT(status, StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr("location.observe_time"));

  grpc::ClientContext again;
  rpc::SetDeadline(again, absl::Seconds(30));
  stream_ = stub_->ReportStatus(&again);
  EXPECT_EQ(Exchange(Hello("BOS", 1)).acknowledged_sequence(), 0) << "nothing of it was applied";
  EXPECT_THAT(EndOf(Records(1, 1)), IsOk());
  stream_.reset();  // Before its context.
}

TEST_F(StatusServiceTest, WhatIsNotTheChildsToTellIsAcknowledgedAndCounted) {
  Exchange(Hello("BOS", 1));
  ReportStatusRequest request = Records(1, 1);
  request.mutable_records(0)->mutable_site()->set_site_code("NYC");
  EXPECT_EQ(Exchange(request).acknowledged_sequence(), 1);
  EXPECT_EQ(site_.Text("SELECT parent_site_code FROM waybill.site WHERE site_code = 'NYC'"), "CEN");
  EXPECT_EQ(Counted("waybill_scheduler_status_records_passed_over_total"), 1);
}

}  // namespace
}  // namespace waybill::scheduler
