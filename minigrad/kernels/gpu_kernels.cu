// The loops of gpu.py. Each does what the function named beside it in reference.py means.
//
// They compile for CUDA and for HIP, and, for the tests, as plain C++. Every thread takes elements of the result of its
// own: nothing is shared, nobody waits, and no warp size is assumed. REAL is the type of the arrays, ACC that of the
// arithmetic (float for half precision). Activations lie as C N H W: a channel is a row.
//
// A window is given by the sizes of its input (height, width), of its output (rows, columns), and kernel, stride, padding
// before, and dilation.

#ifndef ACC
#define ACC REAL
#endif

#define WINDOW                                                                                                         \
    int height, int width, int rows, int columns, int kh, int kw, int sh, int sw, int ph, int pw, int dh, int dw
#define MINUS_INFINITY (-(ACC)1 / (ACC)0)  // the compilers that run at run time have no header for it
#define EACH(i, count)                                                                                                 \
    for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < (count);                                  \
         i += (long long)gridDim.x * blockDim.x)

// Which window's tap saw an element, given how far that lies behind the tap of the first window; -1 if none did.
static __device__ int position_that_saw(int distance, int stride, int positions) {
    return distance >= 0 && distance % stride == 0 && distance / stride < positions ? distance / stride : -1;
}

// --- Convolution: conv2d, conv2d_input ---

// The columns of pictures first … first + n − 1: columns[c, i, j, n, r, q] = x[c, n, r·s − p + i·d, …], or 0.
extern "C" __global__ void patches(const REAL* x, REAL* out, long long count, int pictures, int first, int n, WINDOW) {
    EACH(at, count) {
        long long rest = at;
        int q = rest % columns; rest /= columns;
        int r = rest % rows; rest /= rows;
        int picture = rest % n; rest /= n;
        int j = rest % kw; rest /= kw;
        int i = rest % kh; rest /= kh;
        int h = r * sh - ph + i * dh, w = q * sw - pw + j * dw;
        bool inside = h >= 0 && h < height && w >= 0 && w < width;
        out[at] = inside ? x[((rest * pictures + first + picture) * height + h) * width + w] : (REAL)0;
    }
}

// Each element of dx is the sum of what the windows that saw it have in their columns.
extern "C" __global__ void patches_back(const REAL* in, REAL* dx, long long count, int pictures, int first, int n,
                                        WINDOW) {
    EACH(at, count) {
        long long rest = at;
        int w = rest % width; rest /= width;
        int h = rest % height; rest /= height;
        int picture = rest % n; rest /= n;
        ACC sum = 0;
        for (int i = 0; i < kh; i++) {
            int r = position_that_saw(h + ph - i * dh, sh, rows);
            if (r < 0) continue;
            for (int j = 0; j < kw; j++) {
                int q = position_that_saw(w + pw - j * dw, sw, columns);
                if (q < 0) continue;
                long long column = (rest * kh + i) * kw + j;
                sum += (ACC)in[((column * n + picture) * rows + r) * columns + q];
            }
        }
        dx[((rest * pictures + first + picture) * height + h) * width + w] = (REAL)sum;
    }
}

// --- Pooling: max_pool2d, max_pool2d_scatter, avg_pool2d, avg_pool2d_backward ---

extern "C" __global__ void max_pool(const REAL* x, REAL* y, unsigned char* taps, long long count, WINDOW) {
    EACH(at, count) {
        long long rest = at;
        int q = rest % columns; rest /= columns;
        int r = rest % rows; rest /= rows;
        const REAL* map = x + rest * height * width;
        ACC best = 0;
        int chosen = 0;
        for (int i = 0; i < kh; i++)
            for (int j = 0; j < kw; j++) {
                int h = r * sh - ph + i * dh, w = q * sw - pw + j * dw;
                bool inside = h >= 0 && h < height && w >= 0 && w < width;
                ACC value = inside ? (ACC)map[(long long)h * width + w] : MINUS_INFINITY;
                if ((i == 0 && j == 0) || value > best || value != value) {  // NaN wins
                    best = value;
                    chosen = i * kw + j;
                }
            }
        y[at] = (REAL)best;
        taps[at] = (unsigned char)chosen;
    }
}

extern "C" __global__ void max_pool_back(const REAL* g, const unsigned char* taps, REAL* dx, long long count, WINDOW) {
    EACH(at, count) {
        long long rest = at;
        int w = rest % width; rest /= width;
        int h = rest % height; rest /= height;
        long long map = rest * rows * columns;
        ACC sum = 0;
        for (int i = 0; i < kh; i++) {
            int r = position_that_saw(h + ph - i * dh, sh, rows);
            if (r < 0) continue;
            for (int j = 0; j < kw; j++) {
                int q = position_that_saw(w + pw - j * dw, sw, columns);
                if (q < 0) continue;
                long long place = map + (long long)r * columns + q;
                if (taps[place] == i * kw + j) sum += (ACC)g[place];
            }
        }
        dx[at] = (REAL)sum;
    }
}

extern "C" __global__ void window_sums(const REAL* x, REAL* y, double scale, long long count, WINDOW) {
    EACH(at, count) {
        long long rest = at;
        int q = rest % columns; rest /= columns;
        int r = rest % rows; rest /= rows;
        const REAL* map = x + rest * height * width;
        ACC sum = 0;
        for (int i = 0; i < kh; i++)
            for (int j = 0; j < kw; j++) {
                int h = r * sh - ph + i * dh, w = q * sw - pw + j * dw;
                if (h >= 0 && h < height && w >= 0 && w < width) sum += (ACC)map[(long long)h * width + w];
            }
        y[at] = (REAL)(sum * (ACC)scale);
    }
}

extern "C" __global__ void window_sums_back(const REAL* g, REAL* dx, double scale, long long count, WINDOW) {
    EACH(at, count) {
        long long rest = at;
        int w = rest % width; rest /= width;
        int h = rest % height; rest /= height;
        long long map = rest * rows * columns;
        ACC sum = 0;
        for (int i = 0; i < kh; i++) {
            int r = position_that_saw(h + ph - i * dh, sh, rows);
            if (r < 0) continue;
            for (int j = 0; j < kw; j++) {
                int q = position_that_saw(w + pw - j * dw, sw, columns);
                if (q < 0) continue;
                sum += (ACC)g[map + (long long)r * columns + q];
            }
        }
        dx[at] = (REAL)(sum * (ACC)scale);
    }
}

// --- Batch normalisation: batch_norm, batch_norm_backward. ``parts`` threads share a channel's row; their sums are
// --- added by the caller. ---

extern "C" __global__ void row_sums(const REAL* x, ACC* sums, long long length, int parts, long long count) {
    EACH(at, count) {
        const REAL* row = x + at / parts * length;
        ACC sum = 0;
        for (long long k = at % parts; k < length; k += parts) sum += (ACC)row[k];
        sums[at] = sum;
    }
}

extern "C" __global__ void row_squares(const REAL* x, const ACC* mean, ACC* sums, long long length, int parts,
                                       long long count) {
    EACH(at, count) {
        const REAL* row = x + at / parts * length;
        ACC middle = mean[at / parts], sum = 0;
        for (long long k = at % parts; k < length; k += parts) {
            ACC deviation = (ACC)row[k] - middle;
            sum += deviation * deviation;
        }
        sums[at] = sum;
    }
}

extern "C" __global__ void normalize(const REAL* x, const ACC* mean, const ACC* factor, const ACC* offset, REAL* y,
                                     long long length, long long count) {
    EACH(at, count) {
        long long c = at / length;
        y[at] = (REAL)(((ACC)x[at] - mean[c]) * factor[c] + offset[c]);
    }
}

// Σ g and Σ g·x̂ of a row; where y is given, g passes where that is positive (a ReLU followed).
extern "C" __global__ void gradient_sums(const REAL* g, const REAL* x, const REAL* y, int masked, const ACC* mean,
                                         const ACC* rstd, ACC* sums, ACC* products, long long length, int parts,
                                         long long count) {
    EACH(at, count) {
        long long c = at / parts, start = c * length;
        ACC middle = mean[c], scale = rstd[c], sum = 0, product = 0;
        for (long long k = at % parts; k < length; k += parts) {
            ACC value = masked && !((ACC)y[start + k] > 0) ? (ACC)0 : (ACC)g[start + k];
            sum += value;
            product += value * (((ACC)x[start + k] - middle) * scale);
        }
        sums[at] = sum;
        products[at] = product;
    }
}

// dx = (g − mean of g − x̂ · mean of g·x̂) · factor
extern "C" __global__ void normalize_back(const REAL* g, const REAL* x, const REAL* y, int masked, const ACC* mean,
                                          const ACC* rstd, const ACC* of_g, const ACC* of_product, const ACC* factor,
                                          REAL* dx, long long length, long long count) {
    EACH(at, count) {
        long long c = at / length;
        ACC value = masked && !((ACC)y[at] > 0) ? (ACC)0 : (ACC)g[at];
        ACC normalized = ((ACC)x[at] - mean[c]) * rstd[c];
        dx[at] = (REAL)((value - of_g[c] - normalized * of_product[c]) * factor[c]);
    }
}

// --- Optimisers (minigrad/optim): one launch for all parameters. ``table`` has the addresses of a parameter's arrays in a
// --- row (0 for none), ``blocks`` (row, first element, last + 1), one for each block of threads. ---

#define ARRAY(column) ((REAL*)table[row * width + column])
#define BLOCK                                                                                                          \
    long long row = blocks[3 * blockIdx.x], last = blocks[3 * blockIdx.x + 2];                                         \
    for (long long i = blocks[3 * blockIdx.x + 1] + threadIdx.x; i < last; i += blockDim.x)

extern "C" __global__ void sgd(const long long* blocks, const long long* table, int width, double lr, double momentum,
                               double decay, double fresh, int nesterov, int maximize) {
    REAL *p, *g, *b;
    BLOCK {
        p = ARRAY(0), g = ARRAY(1), b = ARRAY(2);
        ACC value = (ACC)p[i], direction = (maximize ? -(ACC)g[i] : (ACC)g[i]) + (ACC)decay * value;
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
        ACC gradient = (maximize ? -(ACC)g[i] : (ACC)g[i]) + (decoupled ? (ACC)0 : (ACC)decay * value);
        ACC mean = (ACC)beta1 * (ACC)m[i] + (ACC)(1 - beta1) * gradient;
        ACC square = (ACC)beta2 * (ACC)v[i] + (ACC)(1 - beta2) * gradient * gradient;
        m[i] = (REAL)mean;
        v[i] = (REAL)square;
        if (largest) {
            if ((ACC)largest[i] > square) square = (ACC)largest[i];
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
        ACC value = (ACC)p[i], gradient = (maximize ? -(ACC)g[i] : (ACC)g[i]) + (ACC)decay * value;
        ACC square = (ACC)alpha * (ACC)v[i] + (ACC)(1 - alpha) * gradient * gradient;
        v[i] = (REAL)square;
        if (center) {
            ACC mean = (ACC)alpha * (ACC)center[i] + (ACC)(1 - alpha) * gradient;
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
