/// \file output_file.hpp
/// Files that appear under their name only when they are complete.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "dec/core/communicator.hpp"

namespace dec::core {

/// A file being written under a temporary name beside its target. One rank's business: not collective.
class OutputFile {
  public:
    /// Creates the temporary, empty, with the user's usual permissions. A symbolic link is followed.
    /// \throws SystemFailure if the folder is missing or cannot be written, or `path` is a folder, a device or
    /// write-protected.
    explicit OutputFile(std::string const& path);
    OutputFile(OutputFile const&) = delete;
    OutputFile& operator=(OutputFile const&) = delete;
    /// Without commit the temporary is removed; what stood under the target's name stays.
    ~OutputFile();

    [[nodiscard]] std::string const& temporary() const { return temporary_; }
    /// Appends to the temporary. \throws SystemFailure
    void write(std::string_view content);
    /// Makes sure the first `bytes` bytes find room on the disk, where the file system can tell; the file may become that
    /// long. \throws SystemFailure
    void reserve(std::int64_t bytes);
    /// Brings the temporary to the disk and moves it to its name. \throws SystemFailure
    void commit();

  private:
    std::string path_;       // as the user wrote it
    std::string target_;     // links resolved
    std::string temporary_;  // empty once committed
};

/// Writes a whole file at once, by way of an OutputFile. Not collective. \throws SystemFailure
void write_file(std::string const& path, std::string_view content);

/// Finds out before a long computation that `path` could be written at its end; leaves nothing behind. Collective.
/// \throws SystemFailure on all ranks alike.
void require_writable(Communicator const& comm, std::string const& path);

}  // namespace dec::core
