#include "dec/core/output_file.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "dec/core/error.hpp"

namespace dec::core {

namespace fs = std::filesystem;

namespace {

std::string remedy_for(int code) {
    switch (code) {
        case EACCES:
        case EPERM:
        case EROFS: return "write to another folder, or get permission for this one";
        case ENOENT: return "create the folder first";
        case ENOTDIR: return "a part of the path is a file; write to a folder";
        case ENOSPC:
        case EDQUOT:
        case EFBIG: return "free some space, or write to another disk";
        case ENAMETOOLONG: return "use a shorter name";
        default: return "write to another folder";
    }
}

[[noreturn]] void fail(std::string const& path, std::string const& what, int code) {
    throw SystemFailure{
        {path, {}, fmt::format("{}: {}", what, std::generic_category().message(code)), remedy_for(code)}};
}

/// Where writing to `path` ends up. A link may point at a file that does not exist yet.
fs::path follow_links(std::string const& path) {
    constexpr int most_links = 40;  // as the kernel has it
    fs::path target = path;
    std::error_code none;
    for (int i = 0; i < most_links && fs::is_symlink(target, none); ++i)
        target = target.parent_path() / fs::read_symlink(target, none);
    return target;
}

/// Whatever stands under the target's name must be a file that may be replaced.
void require_replaceable(std::string const& path, fs::path const& target) {
    if (!target.has_filename())
        throw SystemFailure{{path, {}, "cannot be written: this names no file", "add a file name"}};
    struct stat status {};
    if (stat(target.c_str(), &status) != 0) {
        if (errno == ENOENT) return;
        fail(path, "cannot be written", errno);
    }
    if (S_ISDIR(status.st_mode))
        throw SystemFailure{{path, {}, "cannot be written: this is a folder", "add a file name"}};
    if (!S_ISREG(status.st_mode))
        throw SystemFailure{{path, {}, "cannot be written: this is a device or a pipe", "name an ordinary file"}};
    if (access(target.c_str(), W_OK) != 0) fail(path, "exists and cannot be replaced", errno);
}

/// A hidden name in the target's folder, so that moving it there is one step.
std::string temporary_name(fs::path const& target, int attempt) {
    constexpr std::size_t kept = 200;  // of at most 255 bytes, to leave room for what is added
    auto const name = fmt::format(".{}.partial-{}-{}", target.filename().string().substr(0, kept), getpid(), attempt);
    return (target.parent_path() / name).string();
}

void bring_to_disk(std::string const& path, std::string const& temporary) {
    int const file = open(temporary.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) fail(path, "cannot be completed", errno);
    int const failure = fsync(file) == 0 ? 0 : errno;
    close(file);
    // Some file systems have nothing to synchronise and say EINVAL.
    if (failure != 0 && failure != EINVAL) fail(path, "cannot be completed", failure);
}

/// 0, or why there is no room for a file of `bytes` bytes, of which `present` are already there.
int lack_of_room(int file, off_t bytes, off_t present) {
    int failure = 0;
    do {
        failure = fallocate(file, 0, 0, bytes) == 0 ? 0 : errno;
    } while (failure == EINTR);
    if (failure != EOPNOTSUPP && failure != ENOSYS) return failure;
    // The file system cannot reserve; then what it says is free must do.
    struct statvfs disk {};
    if (fstatvfs(file, &disk) != 0) return 0;
    auto const free = static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize);
    return static_cast<double>(bytes - present) > free ? ENOSPC : 0;
}

}  // namespace

OutputFile::OutputFile(std::string const& path) : path_{path}, target_{follow_links(path).string()} {
    require_replaceable(path_, target_);
    constexpr int attempts = 100;  // against leftovers of a killed process of the same number
    constexpr mode_t permissions = 0666;
    for (int attempt = 0; attempt < attempts; ++attempt) {
        temporary_ = temporary_name(target_, attempt);
        int const file = open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, permissions);
        if (file >= 0) {
            close(file);
            return;
        }
        if (errno != EEXIST) fail(path_, "cannot be written", errno);
    }
    fail(path_, "cannot be written", EEXIST);
}

OutputFile::~OutputFile() {
    if (!temporary_.empty()) unlink(temporary_.c_str());
}

void OutputFile::reserve(std::int64_t bytes) {
    int const file = open(temporary_.c_str(), O_WRONLY | O_CLOEXEC);
    struct stat status {};
    if (file < 0 || fstat(file, &status) != 0) fail(path_, "cannot be written", errno);
    int const failure = lack_of_room(file, bytes, status.st_size);
    // What is written so far goes to the disk while the rest is made, and not all of it at the end.
    static_cast<void>(sync_file_range(file, 0, 0, SYNC_FILE_RANGE_WRITE));
    close(file);
    if (failure != 0)
        fail(path_, fmt::format("{:.1f} MB cannot be written", static_cast<double>(bytes) / 1e6), failure);
}

void OutputFile::write(std::string_view content) {
    int const file = open(temporary_.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
    if (file < 0) fail(path_, "cannot be written", errno);
    int failure = 0;
    while (failure == 0 && !content.empty()) {
        auto const written = ::write(file, content.data(), content.size());
        if (written >= 0) content.remove_prefix(static_cast<std::size_t>(written));
        else if (errno != EINTR) failure = errno;
    }
    if (close(file) != 0 && failure == 0) failure = errno;
    if (failure != 0) fail(path_, "cannot be written", failure);
}

void OutputFile::commit() {
    bring_to_disk(path_, temporary_);
    if (rename(temporary_.c_str(), target_.c_str()) != 0) fail(path_, "cannot be completed", errno);
    temporary_.clear();
}

void write_file(std::string const& path, std::string_view content) {
    OutputFile output{path};
    output.write(content);
    output.commit();
}

void require_writable(Communicator const& comm, std::string const& path) {
    together(comm, [&] {
        if (comm.is_root()) OutputFile{path};
    });
}

}  // namespace dec::core
