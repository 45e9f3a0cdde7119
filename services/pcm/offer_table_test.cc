#include "services/pcm/offer_table.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/time.h"

#include "common/model/definition_file.h"
#include "services/pcm/history.h"

namespace waybill::pcm {
namespace {

const absl::Time kNow =
    absl::FromCivil(absl::CivilSecond(2026, 11, 24, 8, 0, 0), absl::UTCTimeZone());

model::Offer Offer() {
  model::Offer offer;
  offer.job_id = "CEN00042";
  offer.package_name = "office";
  offer.command_name = "install";
  offer.plain_bytes = 104'857'600;
  return offer;
}

TEST(OfferTableTest, AlignsItsColumns) {
  model::Offer mandatory = Offer();
  mandatory.mandatory_after = kNow;
  mandatory.expires_after = kNow + absl::Hours(24);
  model::Offer optional = Offer();
  optional.job_id = "CEN100043";
  optional.plain_bytes = 999;
  EXPECT_EQ(FormatOffers({mandatory, optional}, kNow, absl::UTCTimeZone()),
            "JOB        PACKAGE  COMMAND  MANDATORY  EXPIRES           SIZE\n"
            "CEN00042   office   install  now        2026-11-25 08:00  104.9 MB\n"
            "CEN100043  office   install  never      never             999 B\n");
  EXPECT_EQ(FormatOffers({}, kNow, absl::UTCTimeZone()), "No offers.\n");
}

TEST(OfferTableTest, SaysHowARunEndedAndWhatItPrinted) {
  RunRecord record = {.job_id = "CEN00042", .step = RunStep::kReported};
  record.outcome = RunOutcome::kExited;
  record.exit_code = 3;
  record.run_duration = absl::Microseconds(1'500'700);
  record.output = "one\ntwo\n";
  EXPECT_EQ(FormatEnded(Offer(), record),
            "CEN00042 install: exit code 3 after 1.5s\n    one\n    two\n");
  record.output = "";
  record.step = RunStep::kDropped;
  record.detail = "CANCELLED: the job was cancelled";
  EXPECT_EQ(FormatEnded(Offer(), record),
            "CEN00042 install: not run: CANCELLED: the job was cancelled\n");
}

TEST(OfferTableTest, LetsNoTextCommandTheTerminal) {
  model::Offer offer = Offer();
  offer.package_name = "off\x1b[2Jice";
  EXPECT_EQ(FormatOffers({offer}, kNow, absl::UTCTimeZone()).find('\x1b'), std::string::npos);
  RunRecord record = {.step = RunStep::kReported};
  record.output = "\x1b]0;title\x07\r\n";
  const std::string text = FormatEnded(offer, record);
  EXPECT_EQ(text.find_first_of("\x1b\x07\r"), std::string::npos);
}

}  // namespace
}  // namespace waybill::pcm
