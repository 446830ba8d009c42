// The loops of gpu.py. Each does what the function named beside it in reference.py means.
//
// They compile for CUDA and for HIP, and, for the tests, as C++. REAL is the type of the arrays, ACC that of the
// arithmetic (float for half precision), INDEX that of positions in memory: 32 bits where they suffice, since a division of
// 64 bits takes a GPU a hundred instructions. Blocks have THREADS threads, of which nothing is assumed but that they can
// wait for each other: no warp size. Activations lie as C N H W: a channel is a row.
//
// A window is given by the sizes of its input (height, width), of its output (rows, columns), and kernel, stride, padding
// before, and dilation.

#ifndef ACC
#define ACC REAL
#endif
#ifndef INDEX
#define INDEX long long
#endif
#ifndef THREADS
#define THREADS 256
#endif

#define WINDOW                                                                                                         \
    int height, int width, int rows, int columns, int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw
#define MINUS_INFINITY (-(ACC)1 / (ACC)0)  // the compilers that run at run time have no header for it
#define EACH(i, count)                                                                                                 \
    for (INDEX i = blockIdx.x * (INDEX)THREADS + threadIdx.x; i < (INDEX)(count); i += (INDEX)gridDim.x * THREADS)
#define EACH_CHANNEL(c) for (int c = blockIdx.y; c < channels; c += gridDim.y)

// Which window's tap saw an element, given how far that lies behind the tap of the first window; -1 if none did.
static __device__ int position_that_saw(int distance, int stride, int positions) {
    if (stride > 1) {
        if (distance < 0 || distance % stride) return -1;
        distance /= stride;
    }
    return distance >= 0 && distance < positions ? distance : -1;
}

// For each tap (i, j) by which a window saw the element (h, w): the position (r, q) of that window.
#define EACH_TAP_THAT_SAW(h, w)                                                                                        \
    for (int i = 0, r; i < kh; i++)                                                                                    \
        if ((r = position_that_saw(h + ph - i * dh, sh, rows)) >= 0)                                                   \
            for (int j = 0, q; j < kw; j++)                                                                            \
                if ((q = position_that_saw(w + pw - j * dw, sw, columns)) >= 0)

// The sum of all threads' values, for all threads; ``shared`` has room for one of each.
static __device__ ACC sum_of_block(ACC value, ACC* shared) {
    shared[threadIdx.x] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    ACC total = shared[0];
    __syncthreads();
    return total;
}

static __device__ ACC largest_of_block(ACC value, ACC* shared) {  // NaN may win or not: its exponential is NaN anyway
    shared[threadIdx.x] = value;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half && shared[threadIdx.x + half] > shared[threadIdx.x])
            shared[threadIdx.x] = shared[threadIdx.x + half];
        __syncthreads();
    }
    ACC largest = shared[0];
    __syncthreads();
    return largest;
}

// --- Convolution by columns: conv2d, conv2d_backward ---

// Columns ``start`` and on: columns[c, i, j, (n, r, q)] = x[c, n, r·s − p + i·d, …], or 0.
extern "C" __global__ void patches(const REAL* x, REAL* out, long long count, long long start, int channels,
                                   int images, WINDOW) {
    EACH(at, count) {
        INDEX place = (INDEX)start + at;
        int q = place % columns, r = place / columns % rows, n = place / columns / rows;
        EACH_CHANNEL(c) {
            const REAL* map = x + ((INDEX)c * images + n) * height * width;
            REAL* column = out + (INDEX)c * kh * kw * (INDEX)count + at;
            for (int i = 0; i < kh; i++)
                for (int j = 0; j < kw; j++) {
                    int h = r * sh - ph + i * dh, w = q * sw - pw + j * dw;
                    bool inside = h >= 0 && h < height && w >= 0 && w < width;
                    *column = inside ? map[(INDEX)h * width + w] : (REAL)0;
                    column += (INDEX)count;
                }
        }
    }
}

// Each element of dx is the sum of what the windows that saw it have in their columns, of images first … first + n − 1.
extern "C" __global__ void patches_back(const REAL* in, REAL* dx, long long count, int channels, int images, int first,
                                        WINDOW) {
    INDEX positions = (INDEX)count / ((INDEX)height * width) * rows * columns;
    EACH(at, count) {
        int w = at % width, h = at / width % height, n = at / width / height;
        EACH_CHANNEL(c) {
            ACC sum = 0;
            EACH_TAP_THAT_SAW(h, w) {
                INDEX column = ((INDEX)c * kh + i) * kw + j;
                sum += (ACC)in[column * positions + ((INDEX)n * rows + r) * columns + q];
            }
            dx[(((INDEX)c * images + first + n) * height + h) * width + w] = (REAL)sum;
        }
    }
}

// --- Convolution without columns, where they would not fit or cost more than the product: conv2d, conv2d_input ---
//
// y[o, (n, r, q)] = Σ over c, i, j of w[o, c, i, j] · x[c, n, h, w]: a block makes a tile of y, from tiles of w and of what
// the taps see, which its threads load together, DEPTH channels of one tap at a time. Where tap (i, j) of position (r, q)
// looks is h = (r · mul + off + i · step) / div, if that is whole and inside. For y, mul and step are the stride and the
// dilation; for dx, whose "w" is read with o and c exchanged, div and −step are.

#define TILE_O 64
#define TILE_P 128
#define DEPTH 8
#define EACH_O 4  // outputs of a thread: 16 × 16 threads
#define EACH_P 8

static __device__ int looks_at(int place, int tap, int mul, int off, int step, int div, int size) {
    int at = place * mul + off + tap * step;
    return position_that_saw(at, div, size);
}

extern "C" __global__ void convolve(const REAL* x, const REAL* weight, REAL* y, long long count, int outputs,
                                    int channels, int images, int output_step, int channel_step, int height, int width,
                                    int rows, int columns, int kh, int kw, int mul_h, int mul_w, int off_h, int off_w,
                                    int step_h, int step_w, int div_h, int div_w) {
    __shared__ ACC of_w[DEPTH][TILE_O];
    __shared__ ACC of_x[DEPTH][TILE_P];
    int t = threadIdx.x, tp = t % 16, to = t / 16;
    int first_o = blockIdx.y * TILE_O;
    INDEX first_p = (INDEX)blockIdx.x * TILE_P;
    INDEX mine = first_p + t % TILE_P;  // the position for which this thread loads what the tap sees
    bool there = mine < (INDEX)count;
    int q = there ? mine % columns : 0, r = there ? mine / columns % rows : 0, n = there ? mine / columns / rows : 0;
    INDEX plane = (INDEX)height * width, all = plane * images;
    ACC sums[EACH_O][EACH_P];
    for (int a = 0; a < EACH_O; a++)
        for (int b = 0; b < EACH_P; b++) sums[a][b] = 0;
    for (int tap = 0; tap < kh * kw; tap++) {
        int h = looks_at(r, tap / kw, mul_h, off_h, step_h, div_h, height);
        int w = looks_at(q, tap % kw, mul_w, off_w, step_w, div_w, width);
        bool inside = there && h >= 0 && w >= 0;
        const REAL* seen = x + (inside ? n * plane + (INDEX)h * width + w : 0);
        for (int c = 0; c < channels; c += DEPTH) {
            for (int d = t / TILE_P; d < DEPTH; d += THREADS / TILE_P)
                of_x[d][t % TILE_P] = inside && c + d < channels ? (ACC)seen[(c + d) * all] : (ACC)0;
            for (int k = t; k < DEPTH * TILE_O; k += THREADS) {
                int o = first_o + k % TILE_O, d = k / TILE_O;
                bool is_weight = o < outputs && c + d < channels;
                of_w[d][k % TILE_O] =
                    is_weight ? (ACC)weight[o * (INDEX)output_step + (c + d) * (INDEX)channel_step + tap] : (ACC)0;
            }
            __syncthreads();
            for (int d = 0; d < DEPTH; d++) {
                ACC left[EACH_O], right[EACH_P];
                for (int a = 0; a < EACH_O; a++) left[a] = of_w[d][to * EACH_O + a];
                for (int b = 0; b < EACH_P; b++) right[b] = of_x[d][tp + 16 * b];
                for (int a = 0; a < EACH_O; a++)
                    for (int b = 0; b < EACH_P; b++) sums[a][b] += left[a] * right[b];
            }
            __syncthreads();
        }
    }
    for (int a = 0; a < EACH_O; a++)
        for (int b = 0; b < EACH_P; b++) {
            int o = first_o + to * EACH_O + a;
            INDEX p = first_p + tp + 16 * b;
            if (o < outputs && p < (INDEX)count) y[o * (INDEX)count + p] = (REAL)sums[a][b];
        }
}

// --- Pooling: max_pool2d, max_pool2d_scatter, avg_pool2d, avg_pool2d_backward ---

extern "C" __global__ void max_pool(const REAL* x, REAL* y, unsigned char* taps, long long count, WINDOW) {
    EACH(at, count) {
        int q = at % columns, r = at / columns % rows;
        const REAL* map = x + at / columns / rows * height * width;
        ACC best = MINUS_INFINITY;
        int chosen = -1;
        for (int i = 0; i < kh; i++)
            for (int j = 0; j < kw; j++) {
                int h = r * sh - ph + i * dh, w = q * sw - pw + j * dw;
                if (h < 0 || h >= height || w < 0 || w >= width) continue;  // padding takes no part
                ACC value = (ACC)map[(INDEX)h * width + w];
                if (chosen < 0 || value > best || value != value) {  // NaN wins
                    best = value;
                    chosen = i * kw + j;
                }
            }
        y[at] = (REAL)best;
        taps[at] = (unsigned char)(chosen < 0 ? 0 : chosen);
    }
}

extern "C" __global__ void max_pool_back(const REAL* g, const unsigned char* taps, REAL* dx, long long count, WINDOW) {
    EACH(at, count) {
        int w = at % width, h = at / width % height;
        INDEX map = at / width / height * rows * columns;
        ACC sum = 0;
        EACH_TAP_THAT_SAW(h, w) {
            INDEX place = map + (INDEX)r * columns + q;
            if (taps[place] == i * kw + j) sum += (ACC)g[place];
        }
        dx[at] = (REAL)sum;
    }
}

extern "C" __global__ void window_sums(const REAL* x, REAL* y, double scale, long long count, WINDOW) {
    EACH(at, count) {
        int q = at % columns, r = at / columns % rows;
        const REAL* map = x + at / columns / rows * height * width;
        ACC sum = 0;
        for (int i = 0; i < kh; i++)
            for (int j = 0; j < kw; j++) {
                int h = r * sh - ph + i * dh, w = q * sw - pw + j * dw;
                if (h >= 0 && h < height && w >= 0 && w < width) sum += (ACC)map[(INDEX)h * width + w];
            }
        y[at] = (REAL)(sum * (ACC)scale);
    }
}

extern "C" __global__ void window_sums_back(const REAL* g, REAL* dx, double scale, long long count, WINDOW) {
    EACH(at, count) {
        int w = at % width, h = at / width % height;
        INDEX map = at / width / height * rows * columns;
        ACC sum = 0;
        EACH_TAP_THAT_SAW(h, w) sum += (ACC)g[map + (INDEX)r * columns + q];
        dx[at] = (REAL)(sum * (ACC)scale);
    }
}

// --- Batch normalisation: batch_norm, batch_norm_backward, scale_channels. Some blocks share a channel's row; what they
// --- found is put together by one thread a channel. ---

// How many elements, their mean, and the sum of their squared deviations from it. Two such groups make one without the
// loss of digits that Σx² − (Σx)² would have (Chan et al. 1979).
struct Moments {
    ACC count, mean, squares;
};

static __device__ Moments together(Moments a, Moments b) {
    ACC count = a.count + b.count;
    if (!(count > 0)) return a;
    ACC delta = b.mean - a.mean, share = b.count / count;
    Moments both = {count, a.mean + delta * share, a.squares + b.squares + delta * delta * a.count * share};
    return both;
}

// grid (parts, channels); found[c, part] are the moments of a part of a row
extern "C" __global__ void row_moments(const REAL* x, ACC* found, long long length) {
    __shared__ Moments shared[THREADS];
    const REAL* row = x + blockIdx.y * (INDEX)length;
    ACC count = 0, sum = 0, squares = 0, pivot = 0;  // one of a thread's own elements, so that no digits are lost
    EACH(k, length) {
        ACC value = (ACC)row[k];
        if (count == 0) pivot = value;
        value -= pivot;
        count += 1;
        sum += value;
        squares += value * value;
    }
    ACC mean = count > 0 ? sum / count : (ACC)0;
    Moments own = {count, pivot + mean, squares - sum * mean};
    shared[threadIdx.x] = own;
    __syncthreads();
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] = together(shared[threadIdx.x], shared[threadIdx.x + half]);
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        ACC* to = found + 3 * ((INDEX)blockIdx.y * gridDim.x + blockIdx.x);
        to[0] = shared[0].count, to[1] = shared[0].mean, to[2] = shared[0].squares;
    }
}

static __device__ ACC factor_of(INDEX c, const ACC* weight, const ACC* var, double eps) {
    return (weight ? weight[c] : (ACC)1) / sqrt(var[c] + (ACC)eps);
}

extern "C" __global__ void finish_moments(const ACC* found, int parts, int channels, const ACC* weight, double eps,
                                          ACC* mean, ACC* var, ACC* factor) {
    EACH(c, channels) {
        Moments all = {0, 0, 0};
        for (int part = 0; part < parts; part++) {
            const ACC* from = found + 3 * (c * parts + part);
            Moments one = {from[0], from[1], from[2]};
            all = together(all, one);
        }
        mean[c] = all.mean;
        var[c] = all.squares / all.count;
        factor[c] = factor_of(c, weight, var, eps);
    }
}

// y = (x − mean) · factor + offset, and its ReLU if wanted; mean and offset may be absent
extern "C" __global__ void normalize(const REAL* x, const ACC* mean, const ACC* factor, const ACC* offset, REAL* y,
                                     int with_relu, long long length, long long count) {
    EACH(at, count) {
        INDEX c = at / (INDEX)length;
        ACC value = ((ACC)x[at] - (mean ? mean[c] : (ACC)0)) * factor[c] + (offset ? offset[c] : (ACC)0);
        y[at] = (REAL)(with_relu && value < 0 ? (ACC)0 : value);
    }
}

// g, where a ReLU followed only where its output (as ``normalize`` rounds it) is positive or NaN
static __device__ ACC passed(REAL g, ACC deviation, ACC factor, ACC offset, int with_relu) {
    return with_relu && (ACC)(REAL)(deviation * factor + offset) <= 0 ? (ACC)0 : (ACC)g;
}

// grid (parts, channels): Σ g and Σ g · (x − mean) of a part of a row
extern "C" __global__ void gradient_sums(const REAL* g, const REAL* x, const ACC* mean, const ACC* var,
                                         const ACC* weight, double eps, const ACC* bias, int with_relu, ACC* found,
                                         long long length) {
    __shared__ ACC shared[THREADS];
    INDEX c = blockIdx.y, start = c * (INDEX)length;
    ACC factor = factor_of(c, weight, var, eps), offset = bias ? bias[c] : (ACC)0, sum = 0, product = 0;
    EACH(k, length) {
        ACC deviation = (ACC)x[start + k] - mean[c];
        ACC value = passed(g[start + k], deviation, factor, offset, with_relu);
        sum += value;
        product += value * deviation;
    }
    sum = sum_of_block(sum, shared);
    product = sum_of_block(product, shared);
    if (threadIdx.x == 0) {
        ACC* to = found + 2 * ((INDEX)blockIdx.y * gridDim.x + blockIdx.x);
        to[0] = sum, to[1] = product;
    }
}

// The gradients of weight and bias, and what dx is made of: dx = scale · (g − centre − (x − mean) · slope)
extern "C" __global__ void finish_gradients(const ACC* found, int parts, int channels, const ACC* weight, const ACC* var,
                                            double eps, double length, ACC* grad_weight, ACC* grad_bias, ACC* scale,
                                            ACC* centre, ACC* slope) {
    EACH(c, channels) {
        ACC sum = 0, product = 0;
        for (int part = 0; part < parts; part++) {
            sum += found[2 * (c * parts + part)];
            product += found[2 * (c * parts + part) + 1];
        }
        ACC rstd = (ACC)1 / sqrt(var[c] + (ACC)eps);
        grad_bias[c] = sum;
        grad_weight[c] = product * rstd;
        scale[c] = factor_of(c, weight, var, eps);
        centre[c] = sum / (ACC)length;
        slope[c] = product * rstd * rstd / (ACC)length;
    }
}

extern "C" __global__ void normalize_back(const REAL* g, const REAL* x, const ACC* mean, const ACC* scale,
                                          const ACC* bias, int with_relu, const ACC* centre, const ACC* slope, REAL* dx,
                                          long long length, long long count) {
    EACH(at, count) {
        INDEX c = at / (INDEX)length;
        ACC deviation = (ACC)x[at] - mean[c];
        ACC value = passed(g[at], deviation, scale[c], bias ? bias[c] : (ACC)0, with_relu);
        dx[at] = (REAL)(scale[c] * (value - centre[c] - deviation * slope[c]));
    }
}

// running <- keep · running + share · batch: blend
extern "C" __global__ void blend(REAL* running, const REAL* batch, double keep, double share, long long count) {
    EACH(at, count) running[at] = (REAL)((ACC)keep * (ACC)running[at] + (ACC)share * (ACC)batch[at]);
}

// --- Random numbers: uniform. Philox 4×32 with 10 rounds; a thread makes the four words of a counter. ---

extern "C" __global__ void uniform(float* y, unsigned long long seed, long long start, long long count) {
    EACH(at, (count + 3) / 4) {
        unsigned long long counter = start + (long long)at;
        unsigned int low = seed, high = seed >> 32, words[4] = {(unsigned int)counter, (unsigned int)(counter >> 32), 0, 0};
        for (int round = 0; round < 10; round++) {
            unsigned long long first = 0xD2511F53ull * words[0], second = 0xCD9E8D57ull * words[2];
            words[0] = (unsigned int)(second >> 32) ^ words[1] ^ low;
            words[1] = (unsigned int)second;
            words[2] = (unsigned int)(first >> 32) ^ words[3] ^ high;
            words[3] = (unsigned int)first;
            low += 0x9E3779B9u, high += 0xBB67AE85u;
        }
        for (int j = 0; j < 4; j++)
            if (4 * (long long)at + j < count) y[4 * (long long)at + j] = (words[j] >> 8) * (1.0f / 16777216);
    }
}

// --- Softmax cross entropy: softmax_cross_entropy, softmax_cross_entropy_backward. A block takes a row. ---

extern "C" __global__ void softmax_cross_entropy(const REAL* x, const long long* labels, const REAL* weight,
                                                 double smoothing, long long ignore, REAL* losses, REAL* factors,
                                                 ACC* log_sums, int classes, int count) {
    __shared__ ACC shared[THREADS];
    for (int n = blockIdx.x; n < count; n += gridDim.x) {
        const REAL* row = x + (INDEX)n * classes;
        long long label = labels[n];
        ACC largest = MINUS_INFINITY, sum = 0, spread = 0;
        for (int c = threadIdx.x; c < classes; c += THREADS) largest = (ACC)row[c] > largest ? (ACC)row[c] : largest;
        largest = largest_of_block(largest, shared);
        for (int c = threadIdx.x; c < classes; c += THREADS) sum += exp((ACC)row[c] - largest);
        ACC log_sum = largest + log(sum_of_block(sum, shared));
        if (smoothing > 0) {
            for (int c = threadIdx.x; c < classes; c += THREADS)
                spread += (weight ? (ACC)weight[c] : (ACC)1) * (log_sum - (ACC)row[c]);
            spread = sum_of_block(spread, shared);
        }
        if (threadIdx.x == 0) {
            ACC factor = 0, loss = 0;
            if (label != ignore) {
                bool known = label >= 0 && label < classes;  // another makes the loss NaN
                factor = !known ? MINUS_INFINITY * 0 : weight ? (ACC)weight[label] : (ACC)1;
                loss = known ? (ACC)(1 - smoothing) * factor * (log_sum - (ACC)row[label]) : factor;
                if (smoothing > 0) loss += (ACC)(smoothing / classes) * spread;
            }
            losses[n] = (REAL)loss;
            factors[n] = (REAL)factor;
            log_sums[n] = log_sum;
        }
    }
}

// dx_c = g · (p_c · Σq − q_c), where q is the target distribution
extern "C" __global__ void softmax_cross_entropy_back(const REAL* g, const REAL* x, const long long* labels,
                                                      const REAL* weight, double smoothing, long long ignore,
                                                      const REAL* factors, const ACC* log_sums, REAL* dx, int classes,
                                                      int count) {
    __shared__ ACC shared[THREADS];
    for (int n = blockIdx.x; n < count; n += gridDim.x) {
        const REAL* row = x + (INDEX)n * classes;
        long long label = labels[n];
        ACC gradient = label == ignore ? (ACC)0 : (ACC)g[n], factor = (ACC)(1 - smoothing) * (ACC)factors[n];
        ACC each = (ACC)(smoothing / classes), all = each * classes;
        if (weight && smoothing > 0) {
            ACC sum = 0;
            for (int c = threadIdx.x; c < classes; c += THREADS) sum += (ACC)weight[c];
            all = each * sum_of_block(sum, shared);
        }
        for (int c = threadIdx.x; c < classes; c += THREADS) {
            ACC target = each * (weight ? (ACC)weight[c] : (ACC)1) + (c == label ? factor : (ACC)0);
            ACC value = gradient * (exp((ACC)row[c] - log_sums[n]) * (factor + all) - target);
            dx[(INDEX)n * classes + c] = (REAL)value;
        }
    }
}

// --- Optimisers (minigrad/optim): one launch for all parameters. ``table`` has the addresses of a parameter's arrays in a
// --- row (0 for none), ``blocks`` (row, first element, last + 1), one for each block of threads. ---

#define ARRAY(column) ((REAL*)table[row * width + column])
#define BLOCK                                                                                                          \
    long long row = blocks[3 * blockIdx.x], last = blocks[3 * blockIdx.x + 2];                                         \
    for (long long i = blocks[3 * blockIdx.x + 1] + threadIdx.x; i < last; i += THREADS)

// The gradient with weight decay; without it, 0 * infinity must not make NaN of an infinite parameter.
static __device__ ACC decayed(ACC gradient, double decay, ACC value) {
    return decay == 0 ? gradient : gradient + (ACC)decay * value;
}

extern "C" __global__ void sgd(const long long* blocks, const long long* table, int width, double lr, double momentum,
                               double decay, double fresh, int nesterov, int maximize) {
    REAL *p, *g, *b;
    BLOCK {
        p = ARRAY(0), g = ARRAY(1), b = ARRAY(2);
        ACC value = (ACC)p[i], direction = decayed(maximize ? -(ACC)g[i] : (ACC)g[i], decay, value);
        if (b) {
            ACC kept = (ACC)momentum * (ACC)b[i] + (ACC)fresh * direction;
            b[i] = (REAL)kept;
            direction = nesterov ? direction + (ACC)momentum * kept : kept;
        }
        p[i] = (REAL)(value - (ACC)lr * direction);
    }
}

extern "C" __global__ void adam(const long long* blocks, const long long* table, int width, double lr, double step_size,
                                double root_correction, double beta1, double beta2, double eps, double decay,
                                int decoupled, int maximize) {
    REAL *p, *g, *m, *v, *largest;
    BLOCK {
        p = ARRAY(0), g = ARRAY(1), m = ARRAY(2), v = ARRAY(3), largest = ARRAY(4);
        ACC value = (ACC)p[i] * (decoupled ? (ACC)(1 - lr * decay) : (ACC)1);
        ACC gradient = decayed(maximize ? -(ACC)g[i] : (ACC)g[i], decoupled ? 0 : decay, value);
        ACC mean = (ACC)m[i] + (ACC)(1 - beta1) * (gradient - (ACC)m[i]);
        ACC square = (ACC)beta2 * (ACC)v[i] + (ACC)(1 - beta2) * gradient * gradient;
        m[i] = (REAL)mean;
        v[i] = (REAL)square;
        if (largest) {
            if (!(square > (ACC)largest[i]) && square == square) square = (ACC)largest[i];  // NaN stays
            largest[i] = (REAL)square;
        }
        p[i] = (REAL)(value - (ACC)step_size * (mean / (sqrt(square) / (ACC)root_correction + (ACC)eps)));
    }
}

extern "C" __global__ void rmsprop(const long long* blocks, const long long* table, int width, double lr, double alpha,
                                   double eps, double decay, double momentum, int maximize) {
    REAL *p, *g, *v, *b, *center;
    BLOCK {
        p = ARRAY(0), g = ARRAY(1), v = ARRAY(2), b = ARRAY(3), center = ARRAY(4);
        ACC value = (ACC)p[i], gradient = decayed(maximize ? -(ACC)g[i] : (ACC)g[i], decay, value);
        ACC square = (ACC)alpha * (ACC)v[i] + (ACC)(1 - alpha) * gradient * gradient;
        v[i] = (REAL)square;
        if (center) {
            ACC mean = (ACC)center[i] + (ACC)(1 - alpha) * (gradient - (ACC)center[i]);
            center[i] = (REAL)mean;
            square -= mean * mean;
        }
        ACC direction = gradient / (sqrt(square) + (ACC)eps);
        if (b) {
            direction += (ACC)momentum * (ACC)b[i];
            b[i] = (REAL)direction;
        }
        p[i] = (REAL)(value - (ACC)lr * direction);
    }
}
