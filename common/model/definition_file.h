#ifndef WAYBILL_COMMON_MODEL_DEFINITION_FILE_H_
#define WAYBILL_COMMON_MODEL_DEFINITION_FILE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

/// The PCM definition file: all offers of one workstation. Written by the Despooler, copied by the
/// PCM-Manager, read by the Package Command Manager. Text, so that an administrator can read it:
///
///   WAYBILL-PCM 1 NYC00017 42 311 9f86d081884c7d65
///   [offer]
///   job_id=CEN00042
///   comment=Office update
///   package_id=CEN00001
///   package_name=office
///   version=<64 hex>
///   plain_bytes=104857600
///   command_name=install
///   argument=setup
///   argument=--quiet
///   time_limit=3600s
///   success_exit_code=0
///   offer_after=2026-11-24T08:00:00Z
///   mandatory_after=2026-11-25T08:00:00Z
///   expires_after=2026-12-24T08:00:00Z
///   location=DS1 http://ds1:8080/SMS_PKGC/CEN00001/<16 hex> /srv/ds1/SMS_PKGC/CEN00001/<16 hex>
///   location=DS2 /srv/ds2/SMS_PKGC/CEN00001/<16 hex>
///
/// The first line is: magic, format, SMS ID, offer version, the number of bytes that follow it, the
/// first 16 hex digits of their SHA-256. A reader that finds another length or digest refuses the
/// file. Values are C-escaped (backslash, control characters and bytes that are not ASCII as \xNN),
/// so a line is a line. A location is the server, the URL of the version's directory if a web
/// server shows it (as CheckUrl takes it, at most 600 bytes), and the directory, which may hold
/// spaces. A key that a reader does not know, is missing or is repeated where only one may be,
/// refuses the file: nobody guesses what to run. Times are RFC 3339 in UTC, cut to microseconds.
namespace waybill::model {

inline constexpr int kDefinitionBytesMax = 1 << 20;
inline constexpr int kOffersMax = 1000;
inline constexpr int kArgumentsMax = 256;

/// Where a copy stands: the server, and the version's directory as workstations see it, mounted
/// and, if there is a URL, over HTTP. The manifest stands beside it as `<directory>.manifest` and
/// `<url>.manifest`.
struct OfferLocation {
  std::string server_name;
  std::string directory;
  std::string url = {};  ///< Empty: there is none.

  friend bool operator==(const OfferLocation&, const OfferLocation&) = default;
};

/// One job made visible to one workstation.
struct Offer {
  std::string job_id;
  std::string comment;
  std::string package_id;
  std::string package_name;
  std::string version;  ///< 64 hex digits: SHA-256 of the manifest.
  std::int64_t plain_bytes = 0;
  std::string command_name;
  std::vector<std::string> arguments;  ///< At least one.
  absl::Duration time_limit;           ///< Whole seconds, at least one.
  std::vector<std::int32_t> success_exit_codes;
  absl::Time offer_after;
  std::optional<absl::Time> mandatory_after;  ///< Absent: the user decides.
  std::optional<absl::Time> expires_after;    ///< Absent: never.
  std::vector<OfferLocation> locations;       ///< At least one.

  friend bool operator==(const Offer&, const Offer&) = default;
};

struct DefinitionFile {
  std::string sms_id;
  std::int64_t offer_version = 0;  ///< Grows with each change; a lower one never replaces a higher.
  std::vector<Offer> offers;

  friend bool operator==(const DefinitionFile&, const DefinitionFile&) = default;
};

/// The file's bytes. Equal definitions give equal bytes. INVALID_ARGUMENT if it would pass a limit.
absl::StatusOr<std::string> Encode(const DefinitionFile& definition);

/// INVALID_ARGUMENT saying what is wrong and in which line; never reads past the given bytes.
absl::StatusOr<DefinitionFile> Decode(absl::string_view bytes);

/// Only the first line, checked against the length of `bytes` and the digest: what the PCM-Manager
/// needs. Errors as Decode.
struct DefinitionHead {
  std::string sms_id;
  std::int64_t offer_version = 0;
};
absl::StatusOr<DefinitionHead> DecodeHead(absl::string_view bytes);

}  // namespace waybill::model

#endif  // WAYBILL_COMMON_MODEL_DEFINITION_FILE_H_
