#include "common/model/proto_time.h"

#include <cstdint>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "absl/time/time.h"

#include "common/status/status_matchers.h"

namespace waybill::model {
namespace {

TEST(ProtoTime, KeepsMicrosecondsBothWays) {
  for (const std::int64_t micros :
       {INT64_C(0), INT64_C(-1), INT64_C(1700000000123456), INT64_C(-62135596800000000)}) {
    const absl::Time time = absl::FromUnixMicros(micros);
    EXPECT_EQ(*FromProto("t", ToProto(time)), time) << micros;
    EXPECT_GE(ToProto(time).nanos(), 0);
  }
  for (const std::int64_t micros : {INT64_C(0), INT64_C(-1500000), INT64_C(3600000001)}) {
    const absl::Duration duration = absl::Microseconds(micros);
    EXPECT_EQ(*FromProto("d", ToProto(duration)), duration) << micros;
  }
}

TEST(ProtoTime, RefusesWhatProtobufCallsInvalid) {
  google::protobuf::Timestamp time;
  time.set_nanos(-1);
  EXPECT_THAT(FromProto("t", time), StatusIs(absl::StatusCode::kInvalidArgument));
  time.set_nanos(1000000000);
  EXPECT_THAT(FromProto("t", time), StatusIs(absl::StatusCode::kInvalidArgument));
  time.set_nanos(0);
  time.set_seconds(253402300800);
  EXPECT_THAT(FromProto("t", time), StatusIs(absl::StatusCode::kInvalidArgument));
  google::protobuf::Duration duration;
  duration.set_seconds(1);
  duration.set_nanos(-1);
  EXPECT_THAT(FromProto("d", duration), StatusIs(absl::StatusCode::kInvalidArgument));
  duration.set_seconds(INT64_MIN);
  EXPECT_THAT(FromProto("d", duration), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace waybill::model
